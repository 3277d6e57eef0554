/** Name parts as [characters, pinyin], from which names are drawn at random. */
export type NamePart = readonly [string, string];

/** The compound surnames at the end have two characters; a mask must not take the second for a given name. */
export const surnames: readonly NamePart[] = [
  ['王', 'wang'],
  ['李', 'li'],
  ['张', 'zhang'],
  ['刘', 'liu'],
  ['陈', 'chen'],
  ['杨', 'yang'],
  ['黄', 'huang'],
  ['赵', 'zhao'],
  ['吴', 'wu'],
  ['周', 'zhou'],
  ['徐', 'xu'],
  ['孙', 'sun'],
  ['马', 'ma'],
  ['朱', 'zhu'],
  ['胡', 'hu'],
  ['郭', 'guo'],
  ['何', 'he'],
  ['林', 'lin'],
  ['高', 'gao'],
  ['罗', 'luo'],
  ['欧阳', 'ouyang'],
  ['司马', 'sima'],
  ['诸葛', 'zhuge'],
  ['上官', 'shangguan'],
];

export const maleGiven: readonly NamePart[] = [
  ['伟', 'wei'],
  ['强', 'qiang'],
  ['磊', 'lei'],
  ['勇', 'yong'],
  ['杰', 'jie'],
  ['涛', 'tao'],
  ['明', 'ming'],
  ['建国', 'jianguo'],
  ['志远', 'zhiyuan'],
  ['浩然', 'haoran'],
  ['子轩', 'zixuan'],
  ['文博', 'wenbo'],
  ['俊豪', 'junhao'],
  ['天佑', 'tianyou'],
];

export const femaleGiven: readonly NamePart[] = [
  ['芳', 'fang'],
  ['娜', 'na'],
  ['敏', 'min'],
  ['静', 'jing'],
  ['丽', 'li'],
  ['艳', 'yan'],
  ['秀英', 'xiuying'],
  ['桂兰', 'guilan'],
  ['雨桐', 'yutong'],
  ['梓涵', 'zihan'],
  ['思雨', 'siyu'],
  ['欣怡', 'xinyi'],
  ['晓燕', 'xiaoyan'],
  ['若曦', 'ruoxi'],
];
