import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const folder = fileURLToPath(new URL('.', import.meta.url));
const modules = readdirSync(folder).filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'));

it.each(modules)('format/%s is a pure derivation: it imports no state, no component and no API call', (name) => {
  const imports = [...readFileSync(`${folder}/${name}`, 'utf8').matchAll(/^import (type )?[^;]*? from '([^']+)';/gm)];
  const allowed = /^(\.\/|\.\.\/i18n)/;
  for (const [statement, type, source] of imports) expect(type !== undefined || allowed.test(source ?? ''), statement).toBe(true);
});
