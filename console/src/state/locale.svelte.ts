/** The language that the console speaks at the moment. Every component reads its words from here. */

import { type Language, WORDS, type Words } from '../i18n';

class Tongue {
  language = $state<Language>('id');

  get words(): Words {
    return WORDS[this.language];
  }

  speak(language: Language): void {
    this.language = language;
    document.documentElement.lang = language;
  }
}

export const tongue = new Tongue();
