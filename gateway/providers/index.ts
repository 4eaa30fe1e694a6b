import { alibaba } from './alibaba/alibaba.ts'
import { azure } from './azure/azure.ts'
import { baseten } from './baseten/baseten.ts'
import { bedrockMantle } from './bedrock-mantle/bedrock-mantle.ts'
import { cerebras } from './cerebras/cerebras.ts'
import { cohere } from './cohere/cohere.ts'
import { compatible } from './compatible/compatible.ts'
import { crusoe } from './crusoe/crusoe.ts'
import { deepinfra } from './deepinfra/deepinfra.ts'
import { deepseek } from './deepseek/deepseek.ts'
import { fireworks } from './fireworks/fireworks.ts'
import { gemini } from './gemini/gemini.ts'
import { githubModels } from './github-models/github-models.ts'
import { gpustackLlamabox } from './gpustack-llamabox/gpustack-llamabox.ts'
import { groq } from './groq/groq.ts'
import { heroku } from './heroku/heroku.ts'
import { huggingface } from './huggingface/huggingface.ts'
import { hyperbolic } from './hyperbolic/hyperbolic.ts'
import { litellmProxy } from './litellm-proxy/litellm-proxy.ts'
import { lmstudio } from './lmstudio/lmstudio.ts'
import { mistral } from './mistral/mistral.ts'
import { moonshot } from './moonshot/moonshot.ts'
import { nebius } from './nebius/nebius.ts'
import { novita } from './novita/novita.ts'
import { nvidia } from './nvidia/nvidia.ts'
import { ollama } from './ollama/ollama.ts'
import { ollamaCloud } from './ollama-cloud/ollama-cloud.ts'
import { openai } from './openai/openai.ts'
import { openrouter } from './openrouter/openrouter.ts'
import { ovhcloud } from './ovhcloud/ovhcloud.ts'
import { perplexity } from './perplexity/perplexity.ts'
import type { ProviderAdapter } from './provider.ts'
import { pydanticGateway } from './pydantic-gateway/pydantic-gateway.ts'
import { sambanova } from './sambanova/sambanova.ts'
import { sandbox } from './sandbox/sandbox.ts'
import { scaleway } from './scaleway/scaleway.ts'
import { snowflake } from './snowflake/snowflake.ts'
import { together } from './together-ai/together-ai.ts'
import { vllm } from './vllm/vllm.ts'
import { voyage } from './voyage/voyage.ts'
import { writer } from './writer-ai/writer-ai.ts'
import { xai } from './xai/xai.ts'
import { zai } from './zai/zai.ts'

const all: readonly ProviderAdapter[] = [
  alibaba,
  azure,
  baseten,
  bedrockMantle,
  cerebras,
  cohere,
  compatible,
  crusoe,
  deepinfra,
  deepseek,
  fireworks,
  gemini,
  githubModels,
  gpustackLlamabox,
  groq,
  heroku,
  huggingface,
  hyperbolic,
  litellmProxy,
  lmstudio,
  mistral,
  moonshot,
  nebius,
  novita,
  nvidia,
  ollama,
  ollamaCloud,
  openai,
  openrouter,
  ovhcloud,
  perplexity,
  pydanticGateway,
  sambanova,
  sandbox,
  scaleway,
  snowflake,
  together,
  vllm,
  voyage,
  writer,
  xai,
  zai,
]

/** Every provider there is, by id. A new one is a folder and a line here. */
export const providers: ReadonlyMap<string, ProviderAdapter> = new Map(all.map((provider) => [provider.id, provider]))
