import { describe, expect, it } from 'vitest';
import { address } from './client';
import { faultOf } from './fault';

describe('an address', () => {
  it('holds its parameters, escaped', () => {
    expect(address('/a/{alert_id}/clip', { alert_id: '../x' }, {})).toBe('/a/..%2Fx/clip');
  });

  it('repeats the name of a list and leaves out what is not set', () => {
    const query = { state: ['new', 'acknowledged'], camera: null, limit: 50, cursor: undefined };
    expect(address('/a', {}, query)).toBe('/a?state=new&state=acknowledged&limit=50');
    expect(address('/a', {}, { state: [] })).toBe('/a');
  });
});

describe('an answer that is no success', () => {
  it.each([
    [401, 'session'],
    [403, 'forbidden'],
    [404, 'missing'],
    [409, 'conflict'],
    [422, 'refused'],
    [429, 'busy'],
    [503, 'server'],
  ])('with status %d is the fault "%s"', (status, kind) => {
    expect(faultOf(status, undefined).kind).toBe(kind);
  });

  it('says in its own words what was wrong, field by field where it knows', () => {
    expect(faultOf(404, { detail: 'there is no such alert', errors: [] }).message).toBe('there is no such alert');
    const errors = [{ pointer: '/note', detail: 'too long' }];
    expect(faultOf(422, { detail: 'the body was refused', errors }).message).toBe('too long');
    expect(faultOf(502, undefined).message).toBe('HTTP 502');
  });
});
