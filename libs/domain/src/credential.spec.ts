import { looksLikeCredential } from './credential';

describe('by its name', () => {
  test.each(
    [
      'TOKEN GITHUB_TOKEN github_token githubToken SLACK_BOT_TOKEN_2 API_KEY OPENAI_API_KEY apiKey PRIVATE_KEY',
      'AWS_SECRET_ACCESS_KEY DB_PASSWORD PASSWORD DB_PASS DB_PWD PGPASSWORD SECRET CLIENT_SECRET APP_SECRET_PROD SSH_KEY GH_PAT',
      'KEY_PASSPHRASE SESSION_COOKIE GOOGLE_CREDENTIALS API_KEY_STAGING ENCRYPTION_KEY_BASE64',
    ].flatMap((names) => names.split(' ')),
  )('%s looks like a credential', (name) => {
    expect(looksLikeCredential(name, 'x1')).toMatch(/^its name ends in [A-Z_]+$/);
  });

  test.each(
    'TOKEN_LIMIT MAX_TOKENS MAX_TOKEN TOKENIZER KEYBOARD KEY PRIMARY_KEY PUBLIC_KEY SORT_KEY BYPASS COMPASS SECRET_NAME TOKEN_URL PASSWORD_FILE PATH PWD OLDPWD REGION SECRETARY MONKEY'.split(
      ' ',
    ),
  )('%s does not', (name) => {
    expect(looksLikeCredential(name, 'x1')).toBeUndefined();
  });

  test.each(['', 'true', 'False', 'no', 'off'])('a switch or nothing (%j) is no credential', (value) => {
    expect(looksLikeCredential('USE_TOKEN', value)).toBeUndefined();
  });
});

describe('by its value', () => {
  const body = 'Ab3dEf6hIj9lMn2pQr5tUv8xYz1bCd4fGh7j';
  test.each([
    `ghp_${body}`,
    `github_pat_${body}`,
    `glpat-${body}`,
    `sk-proj-${body}`,
    `sk_live_${body}`,
    `xoxb-123456789012-${body}`,
    `https://hooks.slack.com/services/T0/B0/x`,
    'AKIAIOSFODNN7EXAMPLE',
    `AIza${body}`,
    `npm_${body}`,
    'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl',
    '-----BEGIN PRIVATE KEY-----\nabc',
    '-----BEGIN OPENSSH PRIVATE KEY-----',
    '-----BEGIN PGP PRIVATE KEY BLOCK-----',
    'postgres://app:hunter2@db:5432/app',
    'redis://:hunter2@cache',
    'Bearer abcdefgh12',
    'd41d8cd98f00b204e9800998ecf8427e',
    'q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQ',
  ])('%s looks like a credential, whatever its name, and the reason does not show it', (value) => {
    const reason = looksLikeCredential('SETTING', value);
    expect(reason).toMatch(/^its value looks /);
    for (let at = 0; at + 8 <= value.length; at++) expect(reason).not.toContain(value.slice(at, at + 8));
  });

  test.each([
    'hello world',
    'eu-central-1',
    'https://example.com/a:b@c',
    'https://user@example.com/',
    'http://localhost:8080/path',
    'my-very-long-service-name-in-production',
    '/usr/local/share/Applications/Version2/bin',
    '6f1c2a34-9b1e-4c5d-8f00-1234567890ab',
    'sk-short',
    'zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz1A',
    '12345678901234567890',
    'ghcr.io/org/image:1.2.3',
  ])('%s does not', (value) => {
    expect(looksLikeCredential('SETTING', value)).toBeUndefined();
  });

  test.each(['COMMIT_SHA', 'REQUEST_ID', 'IMAGE_DIGEST'])(
    'what is random and known to be public, such as %s, does not',
    (name) => {
      expect(looksLikeCredential(name, 'd41d8cd98f00b204e9800998ecf8427e')).toBeUndefined();
    },
  );
});
