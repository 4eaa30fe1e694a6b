import type { Call } from '../domain/call.ts'
import type { Clock } from '../domain/clock.ts'
import type { Candidate, Connection } from '../domain/connection.ts'
import { matches } from '../domain/pattern.ts'
import type { Entry } from '../pipeline/entry.ts'
import type { Cost } from '../pipeline/price.ts'
import type { Source, TestReport } from './control.ts'
import { Problem } from './problem.ts'
import { reportOf } from './test-report.ts'
import { caps, type Question, testCall } from './test-request.ts'

/** What a test needs, from the assembly. */
export interface TestParts {
  readonly clock: Clock
  /** Takes a call down the path of traffic, to its end. */
  perform(call: Call): Promise<Performed>
  /** Where a call is sent, as it is sent. */
  addressOf(call: Call, candidate: Candidate): string
  /** Models to try at a connection that names none, likeliest first. */
  likelyModels(connection: Connection): Promise<readonly string[]>
  embeds(provider: string, model: string): boolean
}

/** A call that has ended, and what each of its attempts cost. */
export interface Performed {
  readonly entry: Entry
  readonly costs: readonly Cost[]
}

/** A provider's list of models is not known here, so a guess may be of one that it has given up. */
const guessesMax = 3

/** Calls one connection for real, at the least that costs: the same code as traffic, so the same verdict. */
export async function testConnection(
  connection: Connection,
  source: Source,
  model: string | undefined,
  parts: TestParts,
): Promise<TestReport> {
  const [first, ...others] = model === undefined ? await guessed(connection, parts) : [model]
  if (first === undefined) {
    const why = 'it names none that is not a pattern, and the price book knows none'
    throw new Problem('model_required', `Say which model of ${connection.id} to test: ${why}.`)
  }
  let report = await tested(connection, source, first, parts)
  for (const other of others) {
    if (report.ok || !isAboutModel(report)) break
    report = await tested(connection, source, other, parts)
  }
  return report
}

async function guessed(connection: Connection, parts: TestParts): Promise<readonly string[]> {
  const named = connection.models.find(({ pattern }) => !pattern.includes('*'))
  if (named) return [named.pattern]
  // What an alias with a star would be asked for as, nobody can say.
  const open = connection.models.filter(({ upstream }) => upstream === undefined)
  const likely = await parts.likelyModels(connection)
  return likely.filter((name) => open.some(({ pattern }) => matches(pattern, name))).slice(0, guessesMax)
}

async function tested(connection: Connection, source: Source, model: string, parts: TestParts): Promise<TestReport> {
  const upstream = connection.models.find(({ pattern }) => pattern === model)?.upstream ?? model
  const once = async (question: Question) => {
    const call = testCall(connection.id, model, question, parts.clock)
    const { entry, costs } = await parts.perform(call)
    const attempt = entry.attempts.at(-1)
    return reportOf(entry, costs, attempt && parts.addressOf(call, attempt.candidate), { connection, source })
  }
  if (parts.embeds(connection.provider, upstream)) return once({ kind: 'embedding' })
  const [least, thinking] = caps
  const report = await once({ kind: 'chat', cap: least })
  return refusesCap(report) ? once({ kind: 'chat', cap: thinking }) : report
}

function refusesCap({ httpStatus, error }: TestReport): boolean {
  return httpStatus === 400 && /max_(completion_|output_)?tokens/.test(error?.message ?? '')
}

function isAboutModel({ httpStatus, error }: TestReport): boolean {
  return httpStatus === 404 || error?.code === 'model_not_found'
}
