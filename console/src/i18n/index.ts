import { en } from './en';
import { type Words, id } from './id';

export type { Words };
export const LANGUAGES = ['id', 'en'] as const;
export type Language = (typeof LANGUAGES)[number];
export const WORDS: Readonly<Record<Language, Words>> = { id, en };
