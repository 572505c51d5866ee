/** Keyboard shortcuts: which key triggers which action. */

export const FEED_KEYS = {
  j: 'next',
  ArrowDown: 'next',
  k: 'previous',
  ArrowUp: 'previous',
  Home: 'first',
  g: 'show-new',
  f: 'filters',
  d: 'digest',
  m: 'sound',
  '?': 'help',
} as const;

export const ALERT_KEYS = {
  ' ': 'play',
  ArrowLeft: 'back',
  ArrowRight: 'forward',
  ',': 'frame-back',
  '.': 'frame-forward',
  t: 'trigger',
  j: 'next',
  k: 'previous',
  a: 'acknowledge',
  s: 'acknowledge-all',
  '1': 'useful',
  '2': 'normal_activity',
  '3': 'detector_error',
  '4': 'camera_fault',
  n: 'note',
  m: 'sound',
  Escape: 'feed',
  '?': 'help',
} as const;

export type AlertAction = (typeof ALERT_KEYS)[keyof typeof ALERT_KEYS];

type KeyPress = { key: string; ctrlKey: boolean; metaKey: boolean; altKey: boolean; target: unknown };

/** The action of a key press, or null where the key belongs to a form field, a dialog, a button or the browser. */
export function actionOf<A extends string>(press: KeyPress, keys: Readonly<Record<string, A>>, letters: boolean): A | null {
  if (press.ctrlKey || press.metaKey || press.altKey) return null;
  const key = press.key.length === 1 ? press.key.toLowerCase() : press.key;
  const action = Object.hasOwn(keys, key) ? keys[key] : undefined;
  if (action === undefined) return null;
  const printable = key.length === 1 && key !== ' ';
  if (printable && !letters) return null;
  return handlesKey(press.target, key) ? null : action;
}

type ElementLike = { tagName: string; type?: string; isContentEditable?: boolean; closest?(selector: string): unknown };

/** Whether the focused element handles the key itself. */
function handlesKey(target: unknown, key: string): boolean {
  if (typeof target !== 'object' || target === null || !('tagName' in target)) return false;
  const element = target as ElementLike;
  if (element.closest?.('dialog')) return true;
  const tag = element.tagName.toLowerCase();
  if (tag === 'input' && (element.type === 'range' || element.type === 'checkbox' || element.type === 'radio')) {
    return key === ' ' || key.startsWith('Arrow') || key === 'Home';
  }
  if (tag === 'input' || tag === 'textarea' || tag === 'select' || element.isContentEditable) return true;
  return key === ' ' && (tag === 'button' || tag === 'summary' || tag === 'a');
}
