import { CommandFailure, exits } from './output.ts'

/** There is none of this id, declared or stored. */
export function noConnection(id: string): CommandFailure {
  return new CommandFailure(exits.notFound, `there is no connection ${JSON.stringify(id)}`, {
    fix: 'tollgate connections list shows them',
  })
}
