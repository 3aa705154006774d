export function parseTime(t: string): Date | undefined { const m = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)/.exec(t); return m ? new Date(Date.UTC(+m[1]!, +m[2]! - 1, +m[3]!, +m[4]!, +m[5]!, +m[6]!)) : undefined; }
export const formatTime = (d: Date): string => d.toISOString().replace(/[-:T]/g, '').slice(0, 14);
