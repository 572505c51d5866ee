import { describe, expect, it } from 'vitest';
import { ALERT_KEYS, FEED_KEYS, actionOf } from './keys';

const press = (key: string, target: unknown = null, more = {}) => ({
  key,
  target,
  ctrlKey: false,
  metaKey: false,
  altKey: false,
  ...more,
});

describe('a key', () => {
  it('does its action, whether or not shift or caps lock is on', () => {
    expect(actionOf(press('a'), ALERT_KEYS, true)).toBe('acknowledge');
    expect(actionOf(press('A'), ALERT_KEYS, true)).toBe('acknowledge');
    expect(actionOf(press('?'), FEED_KEYS, true)).toBe('help');
  });

  it('belongs to the browser together with ctrl, alt or meta', () => {
    expect(actionOf(press('j', null, { ctrlKey: true }), FEED_KEYS, true)).toBeNull();
    expect(actionOf(press('ArrowLeft', null, { altKey: true }), ALERT_KEYS, true)).toBeNull();
  });

  it('belongs to the field that is being filled in', () => {
    expect(actionOf(press('a', { tagName: 'TEXTAREA' }), ALERT_KEYS, true)).toBeNull();
    expect(actionOf(press('1', { tagName: 'INPUT', type: 'text' }), ALERT_KEYS, true)).toBeNull();
  });

  it('belongs to the dialog that is open', () => {
    expect(actionOf(press('a', { tagName: 'BUTTON', closest: () => ({}) }), ALERT_KEYS, true)).toBeNull();
  });

  it('leaves space to a button and arrows to a slider, and nothing else', () => {
    expect(actionOf(press(' ', { tagName: 'BUTTON' }), ALERT_KEYS, true)).toBeNull();
    expect(actionOf(press('a', { tagName: 'BUTTON' }), ALERT_KEYS, true)).toBe('acknowledge');
    expect(actionOf(press('ArrowLeft', { tagName: 'INPUT', type: 'range' }), ALERT_KEYS, true)).toBeNull();
    expect(actionOf(press('.', { tagName: 'INPUT', type: 'range' }), ALERT_KEYS, true)).toBe('frame-forward');
  });

  it('does nothing as a single letter once the reader switched that off (WCAG 2.1.4)', () => {
    expect(actionOf(press('a'), ALERT_KEYS, false)).toBeNull();
    expect(actionOf(press('?'), ALERT_KEYS, false)).toBeNull();
    expect(actionOf(press('ArrowLeft'), ALERT_KEYS, false)).toBe('back');
  });

  it('with a name out of Object is no action', () => {
    expect(actionOf(press('constructor'), ALERT_KEYS, true)).toBeNull();
  });
});
