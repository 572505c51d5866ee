/** Errors of API requests, as far as the console distinguishes them. */

import type { Problem } from './types';

export type ApiErrorKind = 'offline' | 'session' | 'wrong-login' | 'forbidden' | 'not-found' | 'conflict' | 'busy' | 'refused' | 'server';

export class ApiError extends Error {
  readonly kind: ApiErrorKind;

  constructor(kind: ApiErrorKind, detail: string) {
    super(detail);
    this.name = 'ApiError';
    this.kind = kind;
  }
}

const KIND_OF_STATUS: Readonly<Record<number, ApiErrorKind>> = {
  401: 'session',
  403: 'forbidden',
  404: 'not-found',
  409: 'conflict',
  429: 'busy',
};

/** The error of a response other than 2xx; `body` is its parsed problem document, if any (RFC 9457). */
export function errorFromResponse(status: number, body: unknown): ApiError {
  const kind = KIND_OF_STATUS[status] ?? (status >= 500 ? 'server' : 'refused');
  const problem = typeof body === 'object' && body !== null ? (body as Partial<Problem>) : {};
  const details = (problem.errors ?? []).map((error) => error.detail).join('; ');
  return new ApiError(kind, details || problem.detail || `HTTP ${status}`);
}

/** Narrows a caught value to an `ApiError`; anything else is a programming error and is thrown again. */
export function asApiError(thrown: unknown): ApiError {
  if (thrown instanceof ApiError) return thrown;
  throw thrown;
}
