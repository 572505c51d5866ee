import { readdirSync, readFileSync } from 'node:fs';
import { join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const SRC = fileURLToPath(new URL('.', import.meta.url));

/** What each folder may import beside itself, as values; types may also come from api/. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  api: [],
  i18n: [],
  format: ['i18n'],
  state: ['api', 'format', 'i18n'],
  parts: ['api', 'format', 'i18n', 'state'],
  pages: ['api', 'format', 'i18n', 'parts', 'state'],
};

function importsOf(folder: string): { file: string; target: string; typeOnly: boolean }[] {
  const files = readdirSync(join(SRC, folder)).filter((name) => /\.(ts|svelte)$/.test(name) && !name.includes('.test.'));
  return files.flatMap((file) =>
    [...readFileSync(join(SRC, folder, file), 'utf8').matchAll(/^\s*(import|export) (type )?[^;]*? from '(\.[^']*)';/gm)].map(
      ([, , type, source]) => ({
        file: `${folder}/${file}`,
        target: normalize(join(folder, source ?? '')).split('/')[0] ?? '',
        typeOnly: type !== undefined,
      }),
    ),
  );
}

it.each(Object.keys(ALLOWED))('%s/ imports only the layers beneath it', (folder) => {
  const imports = importsOf(folder);
  expect(imports.length).toBeGreaterThan(0);
  const wrong = imports.filter(({ target, typeOnly }) => {
    const allowed = [folder, ...(ALLOWED[folder] ?? []), ...(typeOnly ? ['api'] : [])];
    return !allowed.includes(target);
  });
  expect(wrong).toEqual([]);
});

it('every folder of the source is a layer or holds test fixtures', () => {
  const folders = readdirSync(SRC, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  expect(folders.map((entry) => entry.name).sort()).toEqual([...Object.keys(ALLOWED), 'testing'].sort());
});
