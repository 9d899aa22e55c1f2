/** `node document.js`: writes the table of results.json, and the machine, into docs/performance.md. */
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Row } from './figure';
import { describeMachine, table } from './report';

const BENCH = dirname(__dirname);
const DOCUMENT = join(dirname(BENCH), 'docs', 'performance.md');
const FROM = '<!-- figures -->';
const TO = '<!-- /figures -->';

const rows = JSON.parse(readFileSync(join(BENCH, 'results.json'), 'utf8')) as readonly Row[];
const text = readFileSync(DOCUMENT, 'utf8');
const [before, after] = [text.slice(0, text.indexOf(FROM)), text.slice(text.indexOf(TO))];
writeFileSync(DOCUMENT, `${before}${FROM}\n\n${describeMachine()}\n\n${table(rows)}\n\n${after}`);
