/** `--track on|off|inherit` */
export const trackOption = {
  type: 'enum' as const,
  options: ['on', 'off', 'inherit'],
  valueHint: 'on|off|inherit',
  description: 'Whether rows say who a call was for; as the installation has it unless said otherwise',
}

/** What the option says, as it is stored: `null` leaves it to others. */
export function trackUsageIn(word: string | undefined): boolean | null {
  return word === 'on' ? true : word === 'off' ? false : null
}

/** What is stored, as the option has it. */
export function trackWord(trackUsage: boolean | null | undefined): string {
  return trackUsage === true ? 'on' : trackUsage === false ? 'off' : 'inherit'
}
