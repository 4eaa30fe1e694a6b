import { openaiCompatible } from '../openai-compatible.ts'
import { badCredential } from '../openai-verdict.ts'

/** Model Studio outside China (within: dashscope.aliyuncs.com). An account in arrears is a 400. */
export const alibaba = openaiCompatible({
  id: 'alibaba',
  baseUrl: 'https://dashscope-intl.aliyuncs.com/compatible-mode/v1',
  verdict: ({ words: [code] }) => (code === 'Arrearage' ? badCredential : undefined),
})
