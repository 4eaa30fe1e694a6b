import { expect, test } from 'vitest'
import { Fault } from '../domain/fault.ts'
import type { Identity, Key } from '../domain/key.ts'
import { refusalRow } from './row.ts'

const key: Key = {
  id: 'dev',
  hash: '',
  org: 'acme',
  user: undefined,
  feature: undefined,
  models: ['*'],
  allowClientIdentity: true,
  expiresAt: undefined,
  trackUsage: undefined,
}
const identity: Identity = {
  org: 'acme',
  user: 'ana',
  feature: 'search',
  agent: 'a1',
  agentName: 'Agent',
  framework: 'langchain',
  requestType: 'chat',
  session: 's1',
  group: 'g1',
  metadata: { ticket: 42 },
}

const limited = new Fault('rate_limit_exceeded', 'no')
const rowFor = (tracked: boolean, refusals = 1, fault = limited) => {
  const id = '01920000-0000-7000-8000-000000000000'
  const refused = { id, key, identity, tracked, dialect: 'd', endpoint: '/e', stream: false, model: 'm' }
  return refusalRow(refused, fault, refusals)
}

test('a row says who the call was for, unless it is not tracked [S3-08]', () => {
  const named = {
    user_id: 'ana',
    feature: 'search',
    agent_id: 'a1',
    agent_name: 'Agent',
    session_id: 's1',
    group_name: 'g1',
    metadata: { ticket: 42 },
  }
  const always = { org_id: 'acme', key_id: 'dev', framework: 'langchain', request_type: 'chat' }
  expect(rowFor(true)).toMatchObject({ ...named, ...always, tracked: true })
  const untracked = rowFor(false)
  expect(untracked).toMatchObject({ ...always, tracked: false })
  for (const name of Object.keys(named)) expect(untracked).toHaveProperty(name, undefined)
})

test('what its error says names nobody either, and says all else', () => {
  const fault = new Fault(
    'rate_limit_exceeded',
    "The feature 'search' of 'ana' ('a1', Agent, 's1', 'g1', 42) is research.",
  )
  expect(rowFor(true, 1, fault).error_message).toBe(fault.message)
  expect(rowFor(false, 1, fault)).toMatchObject({
    error_code: 'rate_limit_exceeded',
    error_message: "The feature '…' of '…' ('…', …, '…', '…', 42) is research.",
  })
})

test('a row that stands for many refusals counts them, tracked or not', () => {
  expect(rowFor(true, 7).metadata).toEqual({ ticket: 42, refusals: 7 })
  expect(rowFor(false, 7).metadata).toEqual({ refusals: 7 })
})
