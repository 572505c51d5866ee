/** Who is logged in. Without a session the log-in stands over whatever page the URL names, so the way back is free. */

import { call, useCsrfToken, whenSessionEnds } from '../api/client';
import { asFault, Fault } from '../api/fault';
import type { Me } from '../api/types';
import type { Language } from '../i18n';
import { tongue } from './locale.svelte';

export type Permission = Me['permissions'][number];

class Session {
  me = $state.raw<Me | null>(null);
  /** `unknown` until the server was asked. */
  phase = $state<'unknown' | 'out' | 'in' | 'unreachable'>('unknown');
  expired = $state(false);

  constructor() {
    whenSessionEnds(() => this.#end());
  }

  /** Asks the server whether this browser has a session. */
  async resume(): Promise<void> {
    try {
      this.#begin(await call('get', '/api/v1/session', {}));
    } catch (thrown) {
      if (asFault(thrown).kind !== 'session') this.phase = 'unreachable';
    }
  }

  async logIn(username: string, password: string): Promise<void> {
    try {
      const me = await call('post', '/api/v1/session', { body: { username, password } });
      this.expired = false;
      const wanted = tongue.language;
      this.#begin(me);
      if (wanted !== 'id' && wanted !== me.language) await this.speak(wanted);
    } catch (thrown) {
      const fault = asFault(thrown);
      throw fault.kind === 'session' ? new Fault('wrong-login', fault.message) : fault;
    }
  }

  async logOut(): Promise<void> {
    await call('delete', '/api/v1/session', {});
    this.#end();
    this.expired = false;
  }

  /** Changes the language here at once, and for the next log-in where there is a session. */
  async speak(language: Language): Promise<void> {
    tongue.speak(language);
    if (this.me !== null) this.me = await call('patch', '/api/v1/session', { body: { language } });
  }

  may(permission: Permission): boolean {
    return this.me?.permissions.includes(permission) ?? false;
  }

  /** Whether this person decides about the alerts of a kampung; the server has the last word. */
  decidesIn(kampung: string): boolean {
    const roles = this.me?.roles ?? [];
    return this.may('alert.handle') && roles.some((one) => one.role === 'operator' && (one.kampung_id === null || one.kampung_id === kampung));
  }

  #begin(me: Me): void {
    useCsrfToken(me.csrf_token);
    this.me = me;
    this.phase = 'in';
    tongue.speak(me.language);
  }

  #end(): void {
    // Several requests may be told so at once: only the first finds the session still there.
    if (this.phase !== 'out') this.expired = this.phase === 'in';
    useCsrfToken(null);
    this.me = null;
    this.phase = 'out';
  }
}

export const session = new Session();
