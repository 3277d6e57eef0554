/**
 * Places where the invented citizens live: real region codes (GB/T 2260), so that resident IDs pass a
 * region check, and made-up street names, so that no address exists. District names are unique here.
 */
export interface Region {
  /** Six digits, the first six of a resident ID issued there. */
  readonly code: string;
  readonly province: string;
  readonly city: string;
  readonly district: string;
  /** Trunk prefix of landline numbers, with its zero. */
  readonly areaCode: string;
}

const region = (
  code: string,
  province: string,
  city: string,
  district: string,
  areaCode: string,
): Region => ({ code, province, city, district, areaCode });

export const regions: readonly Region[] = [
  region('110101', '北京市', '北京市', '东城区', '010'),
  region('110105', '北京市', '北京市', '朝阳区', '010'),
  region('110108', '北京市', '北京市', '海淀区', '010'),
  region('310101', '上海市', '上海市', '黄浦区', '021'),
  region('310104', '上海市', '上海市', '徐汇区', '021'),
  region('310115', '上海市', '上海市', '浦东新区', '021'),
  region('500103', '重庆市', '重庆市', '渝中区', '023'),
  region('210103', '辽宁省', '沈阳市', '沈河区', '024'),
  region('320102', '江苏省', '南京市', '玄武区', '025'),
  region('330106', '浙江省', '杭州市', '西湖区', '0571'),
  region('350203', '福建省', '厦门市', '思明区', '0592'),
  region('370102', '山东省', '济南市', '历下区', '0531'),
  region('420106', '湖北省', '武汉市', '武昌区', '027'),
  region('430102', '湖南省', '长沙市', '芙蓉区', '0731'),
  region('440106', '广东省', '广州市', '天河区', '020'),
  region('440305', '广东省', '深圳市', '南山区', '0755'),
  region('510104', '四川省', '成都市', '锦江区', '028'),
  region('610113', '陕西省', '西安市', '雁塔区', '029'),
];

/** "Example road", "sample lane" and the like: streets that say that they are invented. */
export const streets: readonly string[] = [
  '示例路',
  '样本巷',
  '虚构街',
  '演示大道',
  '模拟路',
  '假想胡同',
];
