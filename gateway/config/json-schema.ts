import { z } from 'zod'
import { fileSchema } from './file-schema.ts'

// Some text in which a variable is filled in.
const fromEnvironment = { type: 'string', pattern: '\\$\\{[A-Za-z_][A-Za-z0-9_]*\\}' } as const

/** The JSON schema of the configuration file, for editors: draft 7, which is what YAML plug-ins know. */
export function configSchema(): z.core.JSONSchema.BaseSchema {
  return z.toJSONSchema(fileSchema, {
    io: 'input',
    target: 'draft-7',
    override: ({ jsonSchema }) => {
      const { description, default: otherwise, ...form } = jsonSchema
      const bound =
        form.pattern ?? form.enum ?? (['number', 'integer', 'boolean'].includes(String(form.type)) || undefined)
      if (bound === undefined) return
      // What is neither list, mapping nor free text may come from the environment all the same.
      for (const member of Object.keys(form)) delete jsonSchema[member]
      jsonSchema.anyOf = [form, fromEnvironment]
    },
  })
}
