/** Whether single letters are shortcuts (WCAG 2.1.4 asks for a switch), and whether the help is open. */

const KEY = 'kentongan.letters';

class Shortcuts {
  letters = $state(localStorage.getItem(KEY) !== 'off');
  helpOpen = $state(false);

  /** Whether a dialog is open: then every key belongs to it, wherever the focus is. */
  get blocked(): boolean {
    return document.querySelector('dialog[open]') !== null;
  }

  setLetters(on: boolean): void {
    this.letters = on;
    localStorage.setItem(KEY, on ? 'on' : 'off');
  }
}

export const shortcuts = new Shortcuts();
