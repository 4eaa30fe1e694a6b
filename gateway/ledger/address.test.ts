import { describe, expect, test } from 'vitest'
import { addressOfDatabase, placeOf, targetOf } from './address.ts'

test.each([
  ['postgres://ana:secret@db.example.com:6432/tollgate', 'db.example.com', 6432, 'ana', 'secret', 'tollgate'],
  ['postgresql://ana:p%40ss@db/tollgate', 'db', 5432, 'ana', 'p@ss', 'tollgate'],
  ['postgres://ana:a/b?c#d@e:f@db/tollgate', 'db', 5432, 'ana', 'a/b?c#d@e:f', 'tollgate'],
  ['postgres://ana:100%@[::1]:6432/my%20db', '::1', 6432, 'ana', '100%', 'my db'],
  ['postgres://ana:secret@db/x?application_name=me@home', 'db', 5432, 'ana', 'secret', 'x'],
])('%s is read part by part', (url, host, port, user, password, database) => {
  expect(targetOf(url)).toMatchObject({ host: [host], port: [port], user, password, database })
})

test('several hosts keep their ports', () => {
  const target = targetOf('postgres://ana@one,two:6432/db?target_session_attrs=read-write')
  expect(target).toMatchObject({ host: ['one', 'two'], port: [5432, 6432], sessionAttributes: 'read-write' })
  expect(placeOf(target)).toBe('one:5432, two:6432')
})

test.each([
  'postgres://ana@/db?host=/run/postgresql',
  'postgres:///db?host=/run/postgresql&user=ana',
  'postgres://ana@%2Frun%2Fpostgresql/db',
])('%s is a socket', (url) => {
  const target = targetOf(url)
  expect(target).toMatchObject({ host: '/run/postgresql', port: 5432, user: 'ana', database: 'db' })
  expect(placeOf(target)).toBe('the socket in /run/postgresql')
})

describe('sslmode', () => {
  const tlsOf = (query: string) => targetOf(`postgres://ana@db/x${query}`).ssl

  test('is as libpq has it', () => {
    expect(tlsOf('')).toBe('prefer')
    expect(tlsOf('?sslmode=disable')).toBe(false)
    expect(tlsOf('?sslmode=require')).toBe('require')
    // Node's own defaults: the chain and the name are verified.
    expect(tlsOf('?sslmode=verify-full')).toEqual({})
    expect(tlsOf('?sslmode=verify-full&sslrootcert=system')).toEqual({})
  })

  test('reads the files it names, and verifies the chain where a root is given', () => {
    const here = encodeURIComponent(import.meta.filename)
    const ca = expect.any(Buffer)
    expect(tlsOf(`?sslmode=verify-full&sslrootcert=${here}`)).toEqual({ ca })
    expect(tlsOf(`?sslmode=require&sslrootcert=${here}`)).toEqual({ ca, checkServerIdentity: expect.any(Function) })
    expect(tlsOf(`?sslmode=require&sslcert=${here}&sslkey=${here}`)).toEqual({
      cert: ca,
      key: ca,
      rejectUnauthorized: false,
    })
  })
})

test('what other drivers put into URLs is no obstacle', () => {
  expect(targetOf('postgres://ana@db/x?sslmode=require&channel_binding=require&pgbouncer=true').ssl).toBe('require')
  expect(targetOf('postgres://ana@db/x?application_name=gw&options=-c%20a%3Db').startup).toEqual({
    application_name: 'gw',
    options: '-c a=b',
  })
})

test.each([
  ['mysql://ana:hunter2@db/x', 'postgres://user:password@host:port/database'],
  ['postgres://ana:hunter2@db:port/x', 'host:port'],
  ['postgres://ana:hunter2@db/x?sslmod=require', 'sslmod'],
  ['postgres://ana:hunter2@db/x?sslmode=maybe', 'verify-full'],
  ['postgres://ana:hunter2@db/x?target_session_attrs=any-old', 'read-write'],
  ['postgres://ana:hunter2@db/x?sslmode=verify-full&sslrootcert=/no/such.pem', '/no/such.pem'],
])('a mistake in %s is named without the password', (url, named) => {
  expect(() => targetOf(url)).toThrow(named)
  expect(() => targetOf(url)).not.toThrow('hunter2')
})

test.each([
  ['postgres://ana:a/b@db:1/old?sslmode=disable', 'postgres://ana:a/b@db:1/new?sslmode=disable'],
  ['postgres://db', 'postgres://db/new'],
  ['postgres://ana@db/old?application_name=me@home/', 'postgres://ana@db/new?application_name=me@home/'],
  ['postgres:///old?host=/run', 'postgres:///new?host=/run'],
])('%s with another database is %s', (url, expected) => {
  expect(addressOfDatabase(url, 'new')).toBe(expected)
})
