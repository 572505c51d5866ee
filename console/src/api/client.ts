/** Typed HTTP client. Paths, parameters and responses are checked against the server's OpenAPI description. */

import { ApiError, errorFromResponse } from './error';
import type { paths } from './schema';

type Method = 'get' | 'post' | 'patch' | 'delete';
type PathOf<M extends Method> = { [P in keyof paths]: paths[P] extends Record<M, object> ? P : never }[keyof paths];
type Operation<P extends keyof paths, M extends Method> = paths[P] extends Record<M, infer O> ? O : never;
type PathParams<O> = O extends { parameters: { path: infer T } } ? { path: T } : { path?: undefined };
type QueryParams<O> = O extends { parameters: { query?: infer T } } ? { query?: T } : { query?: undefined };
type BodyOf<O> = O extends { requestBody: { content: { 'application/json': infer T } } } ? { body: T } : { body?: undefined };
type RequestOptions<O> = PathParams<O> & QueryParams<O> & BodyOf<O>;
type ResponseBody<O> = O extends { responses: { 200: { content: { 'application/json': infer T } } } } ? T : undefined;

let csrfToken: string | null = null;
let handleSessionEnded: () => void = () => undefined;
let handleServerDate: (date: string) => void = () => undefined;

/** Sets the CSRF token that every change must carry; null clears it. */
export function useCsrfToken(token: string | null): void {
  csrfToken = token;
}

/** Registers the handler for a response that says the session has ended. */
export function onSessionEnded(handler: () => void): void {
  handleSessionEnded = handler;
}

/** Reports that the session has ended where a stream, not a request, found out. */
export function reportSessionEnded(): void {
  handleSessionEnded();
}

/** Registers the handler for the Date header of each response. */
export function onServerDate(handler: (date: string) => void): void {
  handleServerDate = handler;
}

/** Sends one request and returns the response body. Throws an `ApiError` for every other outcome. */
export async function call<M extends Method, P extends PathOf<M>>(
  method: M,
  path: P,
  options: RequestOptions<Operation<P, M>>,
): Promise<ResponseBody<Operation<P, M>>> {
  const headers: Record<string, string> = { Accept: 'application/json' };
  if (options.body !== undefined) headers['Content-Type'] = 'application/json';
  if (csrfToken !== null && method !== 'get') headers['X-CSRF-Token'] = csrfToken;
  let response: Response;
  let body: unknown;
  try {
    response = await fetch(buildUrl(path, options.path ?? {}, options.query ?? {}), {
      method: method.toUpperCase(),
      headers,
      credentials: 'same-origin',
      cache: 'no-store',
      ...(options.body !== undefined && { body: JSON.stringify(options.body) }),
    });
    body = await jsonOf(response);
  } catch (thrown) {
    // fetch throws a TypeError for every network failure, and nothing else here throws one.
    if (thrown instanceof TypeError) throw new ApiError('offline', thrown.message);
    throw thrown;
  }
  const date = response.headers.get('date');
  if (date !== null) handleServerDate(date);
  if (response.ok) return body as ResponseBody<Operation<P, M>>;
  const error = errorFromResponse(response.status, body);
  if (error.kind === 'session') handleSessionEnded();
  throw error;
}

async function jsonOf(response: Response): Promise<unknown> {
  const text = await response.text();
  const type = response.headers.get('content-type') ?? '';
  if (text === '' || !type.includes('json')) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch (thrown) {
    if (thrown instanceof SyntaxError) throw new ApiError('server', 'the response was truncated');
    throw thrown;
  }
}

/** A URL with its path parameters filled in; a list in the query repeats its name. */
export function buildUrl(path: string, pathParams: object, query: object): string {
  const filled = Object.entries(pathParams).reduce(
    (text, [name, value]) => text.replace(`{${name}}`, encodeURIComponent(String(value))),
    path,
  );
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const item of Array.isArray(value) ? (value as unknown[]) : [value]) {
      if (item !== undefined && item !== null) params.append(name, String(item));
    }
  }
  const text = params.toString();
  return text ? `${filled}?${text}` : filled;
}
