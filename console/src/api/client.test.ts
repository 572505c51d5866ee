import { describe, expect, it } from 'vitest';
import { buildUrl } from './client';
import { errorFromResponse } from './error';

describe('a URL', () => {
  it('holds its parameters, escaped', () => {
    expect(buildUrl('/a/{alert_id}/clip', { alert_id: '../x' }, {})).toBe('/a/..%2Fx/clip');
  });

  it('repeats the name of a list and leaves out what is not set', () => {
    const query = { state: ['new', 'acknowledged'], camera: null, limit: 50, cursor: undefined };
    expect(buildUrl('/a', {}, query)).toBe('/a?state=new&state=acknowledged&limit=50');
    expect(buildUrl('/a', {}, { state: [] })).toBe('/a');
  });
});

describe('an error response', () => {
  it.each([
    [401, 'session'],
    [403, 'forbidden'],
    [404, 'not-found'],
    [409, 'conflict'],
    [422, 'refused'],
    [429, 'busy'],
    [503, 'server'],
  ])('with status %d is of the kind "%s"', (status, kind) => {
    expect(errorFromResponse(status, undefined).kind).toBe(kind);
  });

  it('carries the detail of the problem document, or of its single errors', () => {
    expect(errorFromResponse(404, { detail: 'there is no such alert', errors: [] }).message).toBe('there is no such alert');
    const errors = [{ pointer: '/note', detail: 'too long' }];
    expect(errorFromResponse(422, { detail: 'the body was refused', errors }).message).toBe('too long');
    expect(errorFromResponse(502, undefined).message).toBe('HTTP 502');
  });
});
