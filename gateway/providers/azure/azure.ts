import { basePath, openaiCompatible } from '../openai-compatible.ts'

/**
 * Azure OpenAI and AI Foundry. Without `api_version`, or with one of a word (`preview`), the v1 API; with a dated one
 * the deployments, whose names stand in for the model's. `base_url` is the resource's address, with or without
 * `/openai` or `/openai/v1`; one that ends in `/models` is Foundry's own endpoint, which knows models by their names.
 */
export const azure = openaiCompatible({
  id: 'azure',
  credentialHeader: 'api-key',
  path(endpoint, { connection, model }) {
    const { apiVersion } = connection
    const query = apiVersion === undefined ? '' : `?api-version=${encodeURIComponent(apiVersion)}`
    const base = basePath(connection)
    if (isFoundry(base)) return base + endpoint + query
    const resource = base.replace(/\/openai(\/v1)?$/, '')
    if (!isDated(apiVersion)) return `${resource}/openai/v1${endpoint}${query}`
    return `${resource}/openai/deployments/${encodeURIComponent(model)}${endpoint}${query}`
  },
  // Deployments of earlier versions know nothing of stream_options, and refuse what they do not know.
  streamOptions: (connection) =>
    !isDated(connection.apiVersion) || connection.apiVersion >= '2024-09-01' || isFoundry(basePath(connection)),
})

function isFoundry(base: string): boolean {
  return base.endsWith('/models')
}

function isDated(apiVersion: string | undefined): apiVersion is string {
  return apiVersion !== undefined && /^\d{4}-/.test(apiVersion)
}
