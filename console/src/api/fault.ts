/** What can go wrong with a request, as far as the console tells cases apart. */

import type { Problem } from './types';

export type FaultKind = 'offline' | 'session' | 'wrong-login' | 'forbidden' | 'missing' | 'conflict' | 'busy' | 'refused' | 'server';

export class Fault extends Error {
  readonly kind: FaultKind;

  constructor(kind: FaultKind, detail: string) {
    super(detail);
    this.name = 'Fault';
    this.kind = kind;
  }
}

const KIND_OF_STATUS: Readonly<Record<number, FaultKind>> = {
  401: 'session',
  403: 'forbidden',
  404: 'missing',
  409: 'conflict',
  429: 'busy',
};

/** The fault that an answer other than 2xx stands for. */
export function faultOf(status: number, body: unknown): Fault {
  const kind = KIND_OF_STATUS[status] ?? (status >= 500 ? 'server' : 'refused');
  const problem = typeof body === 'object' && body !== null ? (body as Partial<Problem>) : {};
  const faults = (problem.errors ?? []).map((one) => one.detail).join('; ');
  return new Fault(kind, faults || problem.detail || `HTTP ${status}`);
}

/** Anything that was thrown, as a fault; what is no fault is a mistake of ours and goes on upward. */
export function asFault(thrown: unknown): Fault {
  if (thrown instanceof Fault) return thrown;
  throw thrown;
}
