/** Whether single-letter shortcuts are active (WCAG 2.1.4 requires a switch) and whether the help is open. */

const STORAGE_KEY = 'kentongan.letters';

class Shortcuts {
  letters = $state(localStorage.getItem(STORAGE_KEY) !== 'off');
  helpOpen = $state(false);

  /** Whether a dialog is open: every key then belongs to the dialog, wherever the focus is. */
  get dialogOpen(): boolean {
    return document.querySelector('dialog[open]') !== null;
  }

  setLetters(on: boolean): void {
    this.letters = on;
    localStorage.setItem(STORAGE_KEY, on ? 'on' : 'off');
  }
}

export const shortcuts = new Shortcuts();
