import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { z } from 'zod'
import { publicId } from '../domain/id.ts'
import type { UsageRecord } from '../domain/usage-record.ts'
import type { Control } from './control.ts'
import { Problem, type Wrong } from './problem.ts'
import { usageRecordSchema } from './usage-record.ts'

/** A thousand records of their largest. */
const bodyBytesMax = 8 * 1024 * 1024
const recordsMax = 1_000

const many = z.strictObject({
  records: z
    .array(usageRecordSchema, 'a list')
    .min(1, 'at least one record')
    .max(recordsMax, `at most ${recordsMax} records`),
})

/** `POST /admin/v1/usage`: usage that was had elsewhere, one record or `{"records": […]}`; all of it is taken, or none. */
export function usageRoutes(control: Control): Hono {
  const app = new Hono()
  app.post('/', bodyLimit({ maxSize: bodyBytesMax, onError: tooLarge }), async ({ req, json }) => {
    const dryRun = dryRunIn(req.query())
    const body = parsed(await req.text())
    const several = 'records' in body
    const ingested = await control.ingest(recordsIn(body, several), dryRun)
    if ('problems' in ingested) {
      throw refused(
        ingested.problems.map(({ record, member, message }) => ({
          pointer: several ? `/records/${record}/${member}` : `/${member}`,
          detail: message,
        })),
      )
    }
    const ids = ingested.ids.map((id) => publicId('req', id))
    // Written down, and in the ledger within a moment.
    return json({ count: ids.length, ids, dry_run: dryRun }, dryRun ? 200 : 202)
  })
  return app
}

function tooLarge(): never {
  throw new Problem('request_too_large', `The body has more than ${bodyBytesMax} bytes.`)
}

function dryRunIn({ dry_run: dryRun, ...others }: Readonly<Record<string, string>>): boolean {
  const [unknown] = Object.keys(others)
  if (unknown !== undefined) throw new Problem('unknown_parameter', `There is no parameter ${unknown} here.`)
  if (dryRun === undefined || dryRun === 'true' || dryRun === 'false') return dryRun === 'true'
  throw new Problem('invalid_request', 'The parameter dry_run has to be true or false.')
}

function parsed(text: string): object {
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {
    throw new Problem('invalid_json', 'The body is not JSON.')
  }
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body
  throw new Problem('invalid_json', 'The body has to be a JSON object.')
}

function recordsIn(body: object, several: boolean): readonly UsageRecord[] {
  const read = several ? many.safeParse(body) : usageRecordSchema.safeParse(body)
  if (!read.success) throw refused(read.error.issues.flatMap(wrongOf))
  return 'records' in read.data ? read.data.records : [read.data]
}

function wrongOf(issue: z.core.$ZodIssue): readonly Wrong[] {
  const pointer = issue.path.map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ pointer: `${pointer}/${key}`, detail: 'is no member of a record' }))
  }
  return [{ pointer, detail: `expected ${issue.message}` }]
}

/** What is wrong first at each place: the rest mostly follows from it. */
function refused(all: readonly Wrong[]): Problem {
  const errors = [...new Map(all.toReversed().map((wrong) => [wrong.pointer, wrong])).values()].toReversed()
  const [first] = errors
  const more = errors.length > 1 ? `, and ${errors.length - 1} more` : ''
  return new Problem(
    'invalid_request',
    `Nothing was taken: ${first?.pointer || 'the body'}: ${first?.detail}${more}.`,
    errors,
  )
}
