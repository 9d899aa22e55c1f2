import nx from '@nx/eslint-plugin';
import tseslint from 'typescript-eslint';

const libraries = [
  'type:contract',
  'type:domain',
  'type:crypto',
  'type:platform',
  'type:mongo',
  'type:redis',
  'type:keys',
  'type:sdk',
  'type:embedded',
];
const servers = ['@nestjs/*', 'mongoose', 'ioredis', '@temporalio/*'];

/** Who may import whom. `type:embedded` starts the laptop's backing servers: the CLI's and the tests' alone. */
const boundaries = [
  {
    sourceTag: 'type:contract',
    onlyDependOnLibsWithTags: [],
    allowedExternalImports: ['@bufbuild/*', '@grpc/grpc-js'],
  },
  { sourceTag: 'type:domain', onlyDependOnLibsWithTags: [], bannedExternalImports: ['*'] },
  { sourceTag: 'type:crypto', onlyDependOnLibsWithTags: [], bannedExternalImports: ['*'] },
  { sourceTag: 'type:embedded', onlyDependOnLibsWithTags: [], bannedExternalImports: ['*'] },
  {
    sourceTag: 'type:sdk',
    onlyDependOnLibsWithTags: ['type:contract', 'type:domain'],
    bannedExternalImports: servers,
  },
  {
    sourceTag: 'type:platform',
    onlyDependOnLibsWithTags: ['type:contract', 'type:domain', 'type:sdk'],
    bannedExternalImports: ['mongoose', 'ioredis', '@temporalio/*'],
  },
  {
    sourceTag: 'type:mongo',
    onlyDependOnLibsWithTags: ['type:platform', 'type:domain'],
    allowedExternalImports: ['mongoose'],
  },
  {
    sourceTag: 'type:redis',
    onlyDependOnLibsWithTags: ['type:platform'],
    allowedExternalImports: ['ioredis'],
  },
  {
    sourceTag: 'type:keys',
    onlyDependOnLibsWithTags: ['type:mongo', 'type:platform', 'type:crypto', 'type:domain', 'type:contract'],
    allowedExternalImports: ['mongoose', 'zod', '@aws-sdk/client-kms', '@bufbuild/*'],
  },
  {
    sourceTag: 'type:app',
    onlyDependOnLibsWithTags: [
      'type:platform',
      'type:mongo',
      'type:redis',
      'type:keys',
      'type:sdk',
      'type:crypto',
      'type:domain',
      'type:contract',
    ],
  },
  {
    sourceTag: 'type:cli',
    onlyDependOnLibsWithTags: ['type:sdk', 'type:domain', 'type:crypto', 'type:contract', 'type:embedded'],
    bannedExternalImports: servers,
  },
  { sourceTag: 'type:e2e', onlyDependOnLibsWithTags: libraries },
];
/** Specs may also start the real servers and use the development libraries. */
const boundariesInSpecs = boundaries.map(({ sourceTag, onlyDependOnLibsWithTags }) => ({
  sourceTag,
  onlyDependOnLibsWithTags: [...onlyDependOnLibsWithTags, 'type:embedded'],
}));

const specs = ['**/*.spec.ts', 'e2e/**/*.ts', '**/testing/**/*.ts'];
const boundaryRule = (depConstraints) => [
  'error',
  {
    enforceBuildableLibDependency: false,
    allow: [],
    depConstraints,
    // The rule against static imports of what is also imported lazily is for bundles of web pages.
    checkDynamicDependenciesExceptions: ['@stigmer/**'],
  },
];

export default tseslint.config(
  { ignores: ['**/dist', '**/gen', '**/node_modules', '.nx', '.venv', '**/*.js', '**/*.cjs', '**/*.mjs'] },
  ...tseslint.configs.strictTypeChecked,
  {
    files: ['**/*.ts'],
    plugins: { '@nx': nx },
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@nx/enforce-module-boundaries': boundaryRule(boundaries),
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-extraneous-class': ['error', { allowWithDecorator: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      'no-restricted-exports': ['error', { restrictDefaultExports: { direct: true, named: true } }],
      'no-restricted-syntax': [
        'error',
        { selector: 'TSEnumDeclaration', message: 'Use a union of literals.' },
        {
          selector: "MemberExpression[object.name='process'][property.name='env']",
          message: 'Parse the configuration once, in config.ts.',
        },
        {
          selector: 'CallExpression[callee.name=/^create(C|Dec)ipheriv$/]',
          message: 'libs/crypto/src/aead.ts is the only place that names a cipher.',
        },
      ],
    },
  },
  {
    files: ['**/config.ts', 'libs/crypto/src/aead.ts', ...specs],
    rules: { 'no-restricted-syntax': 'off' },
  },
  {
    files: specs,
    rules: {
      '@nx/enforce-module-boundaries': boundaryRule(boundariesInSpecs),
      '@typescript-eslint/no-unsafe-assignment': 'off',
    },
  },
  {
    files: ['apps/gateway/src/**/*.ts', 'apps/workflow-runner/src/**/*.ts'],
    ignores: specs,
    rules: {
      '@typescript-eslint/no-restricted-imports': [
        'error',
        {
          name: '@stigmer/service',
          allowTypeImports: true,
          message: 'It loads Nest, 17 MB that nothing here needs: import @stigmer/service/plain.',
        },
      ],
    },
  },
  {
    files: ['apps/workflow-runner/src/workflows.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: [{ regex: '^node:', message: 'A workflow is deterministic: no node builtins.' }] },
      ],
    },
  },
);
