// Reads an AsyncAPI document from standard input with the official parser; prints what is wrong with it, as JSON.
import { readFileSync } from 'node:fs';
import { Parser } from '@asyncapi/parser';

const diagnostics = await new Parser().validate(readFileSync(0, 'utf8'));
process.stdout.write(JSON.stringify(diagnostics.map(({ severity, path, message }) => ({ severity, path, message }))));
