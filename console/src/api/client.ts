/** The typed client. Paths, parameters and answers are checked against the server's own description. */

import { clock } from '../state/clock.svelte';
import { Fault, faultOf } from './fault';
import type { paths } from './schema';

type Method = 'get' | 'post' | 'patch' | 'delete';
type PathOf<M extends Method> = { [P in keyof paths]: paths[P] extends Record<M, object> ? P : never }[keyof paths];
type Operation<P extends keyof paths, M extends Method> = paths[P] extends Record<M, infer O> ? O : never;
type InPath<O> = O extends { parameters: { path: infer T } } ? { path: T } : { path?: undefined };
type InQuery<O> = O extends { parameters: { query?: infer T } } ? { query?: T } : { query?: undefined };
type InBody<O> = O extends { requestBody: { content: { 'application/json': infer T } } } ? { body: T } : { body?: undefined };
type Asked<O> = InPath<O> & InQuery<O> & InBody<O>;
type Answer<O> = O extends { responses: { 200: { content: { 'application/json': infer T } } } } ? T : undefined;

let csrfToken: string | null = null;
let onSessionEnd: () => void = () => undefined;

/** Remembers the token that must accompany every change; null forgets it. */
export function useCsrfToken(token: string | null): void {
  csrfToken = token;
}

/** Names what happens when an answer says that the session is over. */
export function whenSessionEnds(then: () => void): void {
  onSessionEnd = then;
}

/** Tells the console that its session is over: a stream said so rather than a request. */
export function sessionEnded(): void {
  onSessionEnd();
}

/** The body of the answer to one request. Every other outcome is thrown as a `Fault`. */
export async function call<M extends Method, P extends PathOf<M>>(
  method: M,
  path: P,
  asked: Asked<Operation<P, M>>,
): Promise<Answer<Operation<P, M>>> {
  const headers: Record<string, string> = { Accept: 'application/json' };
  if (asked.body !== undefined) headers['Content-Type'] = 'application/json';
  if (csrfToken !== null && method !== 'get') headers['X-CSRF-Token'] = csrfToken;
  let response: Response;
  let body: unknown;
  try {
    response = await fetch(address(path, asked.path ?? {}, asked.query ?? {}), {
      method: method.toUpperCase(),
      headers,
      credentials: 'same-origin',
      cache: 'no-store',
      ...(asked.body !== undefined && { body: JSON.stringify(asked.body) }),
    });
    body = await jsonOf(response);
  } catch (thrown) {
    // fetch throws a TypeError for every failure of the network, and nothing else here throws one.
    if (thrown instanceof TypeError) throw new Fault('offline', thrown.message);
    throw thrown;
  }
  clock.hear(response.headers.get('date'));
  if (response.ok) return body as Answer<Operation<P, M>>;
  const fault = faultOf(response.status, body);
  if (fault.kind === 'session') onSessionEnd();
  throw fault;
}

async function jsonOf(response: Response): Promise<unknown> {
  const text = await response.text();
  const type = response.headers.get('content-type') ?? '';
  if (text === '' || !type.includes('json')) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch (thrown) {
    if (thrown instanceof SyntaxError) throw new Fault('server', 'the answer was cut short');
    throw thrown;
  }
}

/** A path with its parameters in place; a list in the query repeats its name. */
export function address(path: string, inPath: object, query: object): string {
  const filled = Object.entries(inPath).reduce(
    (text, [name, value]) => text.replace(`{${name}}`, encodeURIComponent(String(value))),
    path,
  );
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const one of Array.isArray(value) ? (value as unknown[]) : [value]) {
      if (one !== undefined && one !== null) params.append(name, String(one));
    }
  }
  const text = params.toString();
  return text ? `${filled}?${text}` : filled;
}
