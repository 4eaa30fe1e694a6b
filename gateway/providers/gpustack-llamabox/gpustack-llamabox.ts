import { openaiCompatible } from '../openai-compatible.ts'

/** A llama-box server of yours, alone or behind GPUStack. */
export const gpustackLlamabox = openaiCompatible({ id: 'gpustack-llamabox', credential: 'optional' })
