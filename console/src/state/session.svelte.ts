/** The user's session. Without one, the log-in page is shown at the current URL, so logging in returns to that page. */

import { call, useCsrfToken, onSessionEnded } from '../api/client';
import { asApiError, ApiError } from '../api/error';
import type { Me } from '../api/types';
import type { Language } from '../i18n';
import { locale } from './locale.svelte';

export type Permission = Me['permissions'][number];

class Session {
  me = $state.raw<Me | null>(null);
  /** `unknown` until the server has answered. */
  phase = $state<'unknown' | 'out' | 'in' | 'unreachable'>('unknown');
  expired = $state(false);

  constructor() {
    onSessionEnded(() => this.#end());
  }

  /** Restores the session that this browser may still have. */
  async resume(): Promise<void> {
    try {
      this.#begin(await call('get', '/api/v1/session', {}));
    } catch (thrown) {
      if (asApiError(thrown).kind !== 'session') this.phase = 'unreachable';
    }
  }

  async logIn(username: string, password: string): Promise<void> {
    try {
      const me = await call('post', '/api/v1/session', { body: { username, password } });
      this.expired = false;
      const chosen = locale.language;
      this.#begin(me);
      if (chosen !== 'id' && chosen !== me.language) await this.setLanguage(chosen);
    } catch (thrown) {
      const error = asApiError(thrown);
      throw error.kind === 'session' ? new ApiError('wrong-login', error.message) : error;
    }
  }

  async logOut(): Promise<void> {
    await call('delete', '/api/v1/session', {});
    this.#end();
    this.expired = false;
  }

  /** Switches the language at once; with a session, the server also stores it for the next log-in. */
  async setLanguage(language: Language): Promise<void> {
    locale.setLanguage(language);
    if (this.me !== null) this.me = await call('patch', '/api/v1/session', { body: { language } });
  }

  may(permission: Permission): boolean {
    return this.me?.permissions.includes(permission) ?? false;
  }

  /** Whether the user may decide on alerts of a kampung. The server enforces the permission. */
  canDecideIn(kampung: string): boolean {
    const roles = this.me?.roles ?? [];
    return this.may('alert.handle') && roles.some((one) => one.role === 'operator' && (one.kampung_id === null || one.kampung_id === kampung));
  }

  #begin(me: Me): void {
    useCsrfToken(me.csrf_token);
    this.me = me;
    this.phase = 'in';
    locale.setLanguage(me.language);
  }

  #end(): void {
    // Several requests may fail at once: only the first still finds an open session.
    if (this.phase !== 'out') this.expired = this.phase === 'in';
    useCsrfToken(null);
    this.me = null;
    this.phase = 'out';
  }
}

export const session = new Session();
