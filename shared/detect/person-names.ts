/**
 * Names of persons. Asked only of fields that are named so; and a field that is called `name` and no
 * more may as well hold the name of a thing, so there a text must look like a person's.
 */
import { isLongName, isSurname } from '../masking/surnames.ts';

/** The name of a person. `sure`: something says that the field holds one, so that its form is enough. */
export function isPersonName(text: string, sure: boolean): boolean {
  const bare = text.replace(/ /g, '');
  if (/^\p{Script=Han}{2,3}$/u.test(bare))
    return isSurname(bare) && (sure || !(thingSign.test(bare) || noGivenName.test(bare)));
  // Four are a compound surname, or the two of a married couple.
  if (/^\p{Script=Han}{4}$/u.test(bare)) {
    return isLongName(bare) && (sure || !(thingSign.test(bare) || thingWord.test(bare)));
  }
  if (transliterated.test(bare)) return true;
  const words = /^[A-Z][a-z]{0,20}\.?(?:[ -][A-Z][a-z]{0,20}\.?){1,3}$/.test(text.trim());
  return words && (sure || isRomanised(bare, text) || hasGivenName(text));
}

const transliterated = /^\p{Script=Han}{1,8}[-.]\p{Script=Han}{1,8}(?:[-.]\p{Script=Han}{1,8})?$/u;

/**
 * Characters at the end of names of places, bodies and goods, and not of given names: bridges, roads,
 * rivers and mountains are not among them.
 */
const thingSign =
  /[区县镇乡街巷厂店馆院楼站局厅处室库房所帽鞋裤裙袜衣杯碗盘锅壶瓶灯桌椅柜床箱盒袋包伞票证卡表单费税药酒奶肉菜饼糖粥饭汤面油盐酱醋]$/u;
/** Of two characters behind a surname; people are called 大桥, 铁路 and 学会. */
const noGivenName = new RegExp(
  `(?:${[
    '小学|学校|公司|银行|集团|酒店|超市|商场|市场|公路|机场|港口|码头|广场|公园|社区|大厦|水库|政府|协会',
    '部门|系统|平台|软件|项目|产品|设备|仪器|医院|车站|商店|饭店|宾馆',
  ].join('|')})$`,
  'u',
);
const thingWord = new RegExp(
  `(?:${[
    '大学|中学|小学|学校|公司|银行|集团|酒店|超市|商场|市场|中心|大桥|大道|公路|铁路|高速|机场|港口|码头',
    '广场|公园|花园|社区|大厦|水库|政府|协会|学会|工会|部门|系统|平台|软件|项目|工程|产品|设备|仪器',
  ].join('|')})$`,
  'u',
);

/** Syllables of pinyin: an initial and a final, or a final alone. */
const finals =
  'a|o|e|i|u|v|ai|ei|ui|ao|ou|iu|ie|ue|ve|an|en|in|un|ang|eng|ing|ong|ia|ian|iang|iao|iong|ua|' +
  'uai|uan|uang|uo';
const alone = 'a|ai|an|ang|ao|e|ei|en|er|o|ou';
const syllable = `(?:(?:[bpmfdtnlgkhjqxrzcsyw]|zh|ch|sh)(?:${finals})|${alone})`;
const pinyin = new RegExp(`^${syllable}{1,3}$`, 'i');

/** Surnames in pinyin; those of one in three hundred and more. */
const romanSurnames = new Set(
  `wang li zhang liu chen yang huang zhao wu zhou xu sun ma zhu hu guo he lin gao luo zheng liang
  xie song tang han feng deng cao peng zeng xiao tian dong yuan pan yu jiang cai du ye cheng
  su wei lv lyu lu ding ren shen yao cui zhong tan fan wang jin shi liao jia xia fu fang bai
  zou meng xiong qin qiu yin xue yan duan lei hou long tao mao hao gong shao wan qian qin wu
  kong ouyang shangguan sima zhuge`.split(/\s+/),
);

/** Zhang Wei, Wei Zhang, ZHANG Xiaoming. */
function isRomanised(bare: string, text: string): boolean {
  const words = text.trim().toLowerCase().split(/[ -]/);
  const isHead = romanSurnames.has(words[0] ?? '') || romanSurnames.has(words.at(-1) ?? '');
  return bare.length <= 24 && isHead && words.every((word) => pinyin.test(word));
}

/** Given names of Europe and the Americas that are no other word. */
const givenNames = new Set(
  `aaron adam adrian alan albert alejandro alex alexander alexandra alice alicia allison amanda
  amelia amy ana andrea andreas andrew andrey angela anita ann anna anne anthony antonio
  arthur barbara beatriz benjamin bernard betty brandon brenda brian bruce carla carlos carmen
  carol caroline catherine charles charlotte christian christina christine christopher claire
  claudia cynthia daniel daniela david deborah dennis diana diego dmitry donald donna dorothy
  douglas edward elena elizabeth emily emma eric ethan eugene eva evelyn fatima felix fernando
  francis francisco frank gabriel gary george gerald giovanni gloria gregory hannah hans
  harold heather helen henry hiroshi hugo ian igor isabel isabella ivan jack jacob jacqueline
  james jane janet jason javier jean jeffrey jennifer jeremy jessica joan johann john jonathan
  jorge jose joseph joshua juan judith julia julian julie karen karl katherine kathleen keith
  kelly kenneth kevin kimberly larissa larry laura lauren lawrence leonard linda lisa louis
  lucas lucia lucy luis luke madison manuel marcus margaret maria marie marilyn mario marta
  martha martin matteo matthew megan mehmet melissa michael michelle miguel mohamed mohammed
  monica muhammad nancy natalia natasha nathan nicholas nicole noah olga oliver olivia omar
  oscar pablo pamela patricia patrick paul paula pedro peter philip rachel ralph raymond
  rebecca ricardo richard robert roberto roger ronald roy russell ruth ryan samantha samuel
  sandra santiago sara sarah scott sean sebastian sergey sergio sharon shirley simon sofia
  sophia sophie stephanie stephen steven susan svetlana tatiana teresa theodore theresa thomas
  timothy tyler valentina vanessa veronica victor victoria vincent virginia vladimir walter
  wayne william yuki yusuf zachary`.split(/\s+/),
);

const hasGivenName = (text: string): boolean =>
  text
    .toLowerCase()
    .split(/[ -]/)
    .some((word) => givenNames.has(word));
