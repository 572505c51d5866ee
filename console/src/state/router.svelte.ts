/** Pages by path. Nothing personal stands in a path or a title: only kampung, camera and alert identifiers. */

export type Route =
  | { readonly page: 'feed' }
  | { readonly page: 'alert'; readonly id: string }
  | { readonly page: 'audit'; readonly desk: 'alerts' | 'log' }
  | { readonly page: 'precision' }
  | { readonly page: 'missing' };

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The route that a path names. */
export function routeOf(path: string): Route {
  if (path === '/' || path === '') return { page: 'feed' };
  const [, first, second, ...more] = path.replace(/\/$/, '').split('/');
  if (more.length === 0 && first === 'peringatan' && second !== undefined && UUID.test(second)) {
    return { page: 'alert', id: second };
  }
  if (first === 'audit' && second === undefined) return { page: 'audit', desk: 'alerts' };
  if (more.length === 0 && first === 'audit' && second === 'catatan') return { page: 'audit', desk: 'log' };
  if (first === 'ketepatan' && second === undefined) return { page: 'precision' };
  return { page: 'missing' };
}

export const PATHS = {
  feed: '/',
  alert: (id: string) => `/peringatan/${id}`,
  auditAlerts: '/audit',
  auditLog: '/audit/catatan',
  precision: '/ketepatan',
} as const;

class Router {
  path = $state(location.pathname);
  query = $state(location.search);
  /** The list from which an alert was opened, as path and query: where "back" leads. */
  origin = $state<string>(PATHS.feed);
  route = $derived(routeOf(this.path));

  constructor() {
    addEventListener('popstate', () => this.#read());
  }

  /** Goes to a path of this console, with its query. */
  go(to: string, how: { replace?: boolean } = {}): void {
    if (this.route.page !== 'alert') this.origin = this.path + this.query;
    if (how.replace) history.replaceState(null, '', to);
    else if (to !== this.path + this.query) history.pushState(null, '', to);
    this.#read();
  }

  /** Handler for links: takes plain clicks and leaves new tabs to the browser. */
  follow = (event: MouseEvent): void => {
    if (event.defaultPrevented || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const link = (event.currentTarget as Element).closest('a');
    if (link === null) return;
    event.preventDefault();
    this.go(link.pathname + link.search);
  };

  #read(): void {
    this.path = location.pathname;
    this.query = location.search;
  }
}

export const router = new Router();
