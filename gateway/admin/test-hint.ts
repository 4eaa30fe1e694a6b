import type { Connection } from '../domain/connection.ts'
import type { Source, TestReport } from './control.ts'

interface Failed {
  readonly connection: Connection
  readonly source: Source
  readonly error: NonNullable<TestReport['error']>
  readonly httpStatus: number | undefined
}

/** What to do about a test that failed, in one line; `undefined` where the error says it all. */
export function hintFor({ connection, source, error, httpStatus }: Failed): string | undefined {
  const said = `${error.code} ${error.message}`
  if (httpStatus === 402 || /insufficient_quota|billing/i.test(said)) {
    return "the key is right, and its account has no credit: see the provider's billing page"
  }
  if (httpStatus === 401 || httpStatus === 403) return `the provider refused the key: ${newKey(connection, source)}`
  if (httpStatus === 404) return "is the model's name right, and the path of the base URL? Try another: --model"
  if (httpStatus === 429) return 'the key works, and is at a limit of the provider: try again in a moment'
  if (httpStatus === 400 || httpStatus === 422)
    return 'the provider did not like this request: try another model with --model'
  if (httpStatus !== undefined && httpStatus >= 500) return 'the provider fails: see its status page, or try again'
  if (httpStatus !== undefined && httpStatus >= 300 && httpStatus < 400)
    return 'the address leads elsewhere: correct the base URL'
  return hintForSilence(said, connection)
}

function newKey({ id }: Connection, source: Source): string {
  if (source.kind === 'file') return `correct api_key at ${source.file}:${source.line}`
  return source.kind === 'database' ? `tollgate connections rotate-key ${id}` : 'it is made to'
}

/** Nobody answered. */
function hintForSilence(said: string, { id, models }: Connection): string | undefined {
  if (/FORBIDDEN_ADDRESS/.test(said)) return undefined
  if (/ENOTFOUND|EAI_AGAIN/.test(said)) return 'the host is not known to DNS: correct the base URL'
  if (/ECONNREFUSED/.test(said)) return 'nothing listens there: is the address right, and the server running?'
  if (/CERT|TLS|SSL|self-signed/i.test(said))
    return 'its certificate is not trusted: NODE_EXTRA_CA_CERTS adds an authority'
  if (/timeout/i.test(said)) return 'it does not answer in time: a firewall, a wrong address, or a provider in trouble'
  if (/model_not_found/.test(said)) {
    const patterns = models.map(({ pattern }) => pattern).join(', ')
    return `${id} serves ${patterns}: choose one of those with --model`
  }
  return undefined
}
