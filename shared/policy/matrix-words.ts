/** The matrix in words, in two languages. */
import type { Mask } from '../masking/mask.ts';
import { type Access, maskText } from './access.ts';

export type Language = 'en' | 'zh';

const en = {
  title: 'Who gets which field',
  owner: 'Owner',
  colon: ': ',
  level: 'Level',
  route: 'Route',
  call: 'Call',
  field: 'Field',
  type: 'Type',
  none: 'not at all',
  may: 'may call',
  clear: 'clear',
  masked: 'masked',
  unmasked: 'UNMASKED',
  until: 'until',
  approver: 'approved by',
  asOf: 'As of',
  noBody: '(no body)',
  overview: 'Overview',
  fields: 'fields',
  routes: 'routes',
  consumers: 'consumers',
  exceptions: 'exceptions',
  levels: { core: 'core', important: 'important', general: 'general' },
  levelNote: 'Levels of GB/T 43697.',
};

export const words: Readonly<Record<Language, typeof en>> = {
  en,
  zh: {
    title: '数据分级与字段授权矩阵',
    owner: '责任部门',
    colon: '：',
    level: '数据级别',
    route: '路由',
    call: '调用',
    field: '字段',
    type: '类型',
    none: '不提供',
    may: '可调用',
    clear: '明文',
    masked: '脱敏',
    unmasked: '例外明文',
    until: '截止',
    approver: '批准人',
    asOf: '截至',
    noBody: '(无响应体)',
    overview: '总览',
    fields: '字段',
    routes: '路由',
    consumers: '调用方',
    exceptions: '例外',
    levels: { core: '核心', important: '重要', general: '一般' },
    levelNote: '数据级别依据 GB/T 43697。',
  },
};

/** What a consumer gets of a field, in one line. */
export function accessText(access: Access | undefined, language: Language): string {
  const text = words[language];
  switch (access?.kind) {
    case undefined:
      return '';
    case 'none':
    case 'may':
    case 'clear':
      return text[access.kind];
    case 'masked':
      return `${text.masked}: ${maskWords(access.mask, language)}`;
    case 'unmasked': {
      const who = `${text.approver} ${access.approver}`;
      return `${text.unmasked} ${text.until} ${momentText(access.untilMs)}, ${access.reason}, ${who}`;
    }
  }
}

/** To the minute, where it is one: `2027-04-01 00:00 UTC`. */
export function momentText(atMs: number): string {
  const text = new Date(atMs).toISOString();
  return `${text.slice(0, 10)} ${text.slice(11).replace(/(:00)?\.\d+Z$/, '')} UTC`;
}

/** Such as `keep first 3, last 4`. */
export function maskWords(mask: Mask, language: Language): string {
  return language === 'en' ? maskText(mask) : maskChinese(mask);
}

/** Such as `string or null`. */
export function typeWords(type: string, language: Language): string {
  if (language === 'en') return type;
  return type
    .split(' or ')
    .map((one) => chineseTypes[one] ?? one)
    .join('或');
}

const chineseTypes: Readonly<Record<string, string>> = {
  object: '对象',
  array: '列表',
  string: '文本',
  number: '数值',
  integer: '整数',
  boolean: '布尔',
  null: '空',
};

function maskChinese(mask: Mask): string {
  switch (mask.transform) {
    case 'drop':
      return '去除';
    case 'null':
      return '置空';
    case 'fixed':
      return '固定值';
    case 'surname':
      return '仅留姓氏';
    case 'email':
      return '邮箱掩码';
    case 'plate':
      return '车牌掩码';
    case 'hash':
      return '带密钥摘要';
    case 'encrypt':
      return '加密给调用方';
    case 'keep':
      return `保留前 ${mask.first} 后 ${mask.last} 位`;
    case 'token':
      return `令牌(${{ random: '随机', digits: '数字', alphanumeric: '字母数字' }[mask.as]})`;
    case 'address':
      return `地址保留到${{ province: '省', city: '市', district: '区县' }[mask.level]}`;
    case 'date':
      return `日期保留到${mask.to === 'year' ? '年' : '月'}`;
    case 'bucket':
      return `分段(${mask.edges.join('、')})`;
    case 'round':
      return `取整到 ${mask.to}`;
    case 'noise':
      return `加噪 ±${mask.within}`;
    case 'regex':
      return `替换 ${mask.pattern} 为 ${mask.replace}`;
    case 'plugin':
      return `插件 ${mask.plugin}`;
  }
}
