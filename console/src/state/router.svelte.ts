/** Maps paths to pages. Paths and titles hold no personal data, only kampung, camera and alert identifiers. */

export type Route =
  | { readonly page: 'feed' }
  | { readonly page: 'alert'; readonly id: string }
  | { readonly page: 'audit'; readonly tab: 'alerts' | 'log' }
  | { readonly page: 'precision' }
  | { readonly page: 'not-found' };

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The route of a path. */
export function routeOf(path: string): Route {
  if (path === '/' || path === '') return { page: 'feed' };
  const [, first, second, ...more] = path.replace(/\/$/, '').split('/');
  if (more.length === 0 && first === 'peringatan' && second !== undefined && UUID.test(second)) {
    return { page: 'alert', id: second };
  }
  if (first === 'audit' && second === undefined) return { page: 'audit', tab: 'alerts' };
  if (more.length === 0 && first === 'audit' && second === 'catatan') return { page: 'audit', tab: 'log' };
  if (first === 'ketepatan' && second === undefined) return { page: 'precision' };
  return { page: 'not-found' };
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
  /** Path and query of the list from which an alert was opened: the target of "back". */
  origin = $state<string>(PATHS.feed);
  route = $derived(routeOf(this.path));

  constructor() {
    addEventListener('popstate', () => this.#read());
  }

  /** Navigates to a path of this console, with its query. */
  go(to: string, options: { replace?: boolean } = {}): void {
    if (this.route.page !== 'alert') this.origin = this.path + this.query;
    if (options.replace) history.replaceState(null, '', to);
    else if (to !== this.path + this.query) history.pushState(null, '', to);
    this.#read();
  }

  /** Click handler for links: navigates on plain clicks and leaves modified clicks to the browser. */
  followLink = (event: MouseEvent): void => {
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
