/** The language in use. Every component reads its strings from here. */

import { type Language, WORDS, type Words } from '../i18n';

class Locale {
  language = $state<Language>('id');

  get words(): Words {
    return WORDS[this.language];
  }

  /** Switches every string on the page and the document's `lang` attribute. */
  setLanguage(language: Language): void {
    this.language = language;
    document.documentElement.lang = language;
  }
}

export const locale = new Locale();
