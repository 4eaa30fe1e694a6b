import type { Configuration } from '../../config.ts'
import { type Exit, exits, print, printJson } from '../output.ts'
import { spinning } from '../spinner.ts'
import { testAll } from './ask-for-tests.ts'
import { testLines } from './test-call.ts'

export const testOption = { type: 'boolean', description: 'Test it then, with a real call of one token' } as const

/** Tests a connection that was just changed. */
export async function testAfter(
  configuration: Configuration,
  id: string,
  { json, model }: { readonly json?: boolean | undefined; readonly model?: string | undefined },
): Promise<Exit> {
  const [tested] = await spinning(
    () => `testing ${id}`,
    () => testAll(configuration, [id], model),
  )
  if (!tested) return exits.failure
  if (json) printJson({ id, test: tested })
  else print(testLines(tested))
  return tested.ok ? exits.ok : exits.failure
}
