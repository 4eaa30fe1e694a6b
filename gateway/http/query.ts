import { Fault } from '../domain/fault.ts'

/**
 * The parameters of a request's query, each once and all of them known: a misspelt filter must not pass for one that
 * matches everything.
 */
export function queryIn(url: string, known: readonly string[]): Readonly<Record<string, string>> {
  const query: Record<string, string> = {}
  for (const [name, value] of new URL(url).searchParams) {
    const shown = name.slice(0, 40)
    if (!known.includes(name))
      throw refused(name, `Unknown parameter '${shown}': one of ${known.join(', ')} was expected.`)
    if (query[name] !== undefined) throw refused(name, `The parameter '${shown}' stands twice in the query.`)
    query[name] = value
  }
  return query
}

function refused(param: string, message: string): Fault {
  return new Fault('invalid_request', message, { param: param.slice(0, 40) })
}
