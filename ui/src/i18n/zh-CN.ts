/** 简体中文。 */
import { bytes as sizeOf, number } from "../lib/format";
import { bold, mono, shown } from "../lib/text";
import { actions, errors, findings, notChecked, warnings } from "./zh-CN.engine";
import { reasons } from "./zh-CN.reasons";
import type { Dictionary } from "./language.svelte";

const locale = "zh-CN";
const n = (value: number) => number(value, locale);
const size = (value: number | string | undefined) => sizeOf(Number(value ?? 0), locale);
const path = (value: string | undefined) => mono(shown(value ?? ""));
const text = (value: string | undefined) => shown(value ?? "");

export const zhCN: Dictionary = {
  locale,
  name: "简体中文",
  product: "CFMS Backup",

  nav: { label: "页面", backup: "备份", settings: "设置" },

  common: {
    browse: "浏览…",
    show: "查看",
    close: "关闭",
    copy: "复制",
    copied: "已复制",
    showInFolder: "在文件夹中显示",
    copyAsCommand: "复制为命令行",
    back: "返回",
    untitled: "无标题",
    sentence: (words) => `${words}。`,
    gap: "",
    systemWords: (words) => `“${words}”`,
    about: (thing, reason) => `${thing}：${reason}`,
    comma: "、",
  },

  time: {
    now: "刚刚",
    minutes: (value) => `${n(value)} 分钟前`,
    hours: (value) => `${n(value)} 小时前`,
    days: (value) => (value === 1 ? "昨天" : `${n(value)} 天前`),
    seconds: (value) => `${n(value)} 秒`,
    duration: (hours, minutes, seconds) => {
      if (hours > 0) return minutes > 0 ? `${n(hours)} 小时 ${minutes} 分` : `${n(hours)} 小时`;
      if (minutes > 0) return seconds > 0 ? `${minutes} 分 ${seconds} 秒` : `${minutes} 分钟`;
      return `${seconds} 秒`;
    },
    shorterThanASecond: "不到 1 秒",
  },

  source: {
    title: "本机上的服务器",
    emptyTitle: "要备份哪台服务器？",
    emptyText: "请选择 CFMS 服务器的运行文件夹或其数据库文件，也可以将其拖放到此处。",
    chooseFolder: "选择文件夹…",
    chooseFile: "选择数据库…",
    pathLabel: "服务器文件夹或数据库的路径",
    pathPlaceholder: "或输入路径，例如 /srv/cfms",
    recent: "最近使用",
    look: "查看",
    lookAgain: "重新查看",
    looking: (at) => `正在查看 ${path(at)}…`,
    unnamed: "CFMS 服务器",
    folderButton: "文件夹…",
    fileButton: "数据库…",
    pickFolderTitle: "选择 CFMS 服务器的文件夹",
    pickFileTitle: "选择 CFMS 服务器的数据库",
    dropHere: "将服务器的文件夹或数据库拖放到此处",
    documents: () => "文档",
    folders: () => "文件夹",
    files: () => "文件",
    users: () => "用户",
    contents: "内容",
    lastChange: "最后变更",
    unknown: "未知",
    missing: (value) => `磁盘上缺少 ${n(value)} 个文件的内容。备份会保留其条目并逐一列出。`,
    noticed: (value) => `另有 ${n(value)} 项需要留意。`,
    noticedOnly: (value) => `有 ${n(value)} 项需要留意。`,
    incomplete: (missing, files, below) =>
      `${n(files)} 个文件中有 ${bold(n(missing))} 个的内容${
        below === null ? "在磁盘上缺失" : `缺失（应位于 ${path(below)} 下）`
      }。是否有磁盘未挂载？缺少这些内容的备份不可依赖。`,
    inS3: (missing, files) =>
      `${n(files)} 个文件中有 ${bold(n(missing))} 个的内容保存在 S3 存储中，不在本机磁盘上。备份不包含这些内容：请用存储服务商的工具备份该存储桶。`,
    incompleteOutside: (outside, files) =>
      `${n(files)} 个文件中有 ${bold(n(outside))} 个的内容位于服务器文件夹之外或经由链接，不会读取。缺少这些内容的备份不可依赖。`,
    outsideCount: (value) =>
      `${n(value)} 个文件的内容位于服务器文件夹之外或经由链接，不会读取。备份会保留其条目并逐一列出。`,
    allowMissing: "仍然备份现有内容，并视为完成",
    outside: (folder) => `其中部分内容位于 ${path(folder)} 下。未经允许不会读取。`,
    allowOutside: "同时读取其中的文件",
    allowedOutside: (folder) => `同时读取 ${path(folder)} 下的文件。`,
    forbidOutside: "不读取",
    dialogTitle: (value) => `关于此服务器，有 ${n(value)} 项需要了解`,
    dialogText: "备份仍会照常进行。此列表会存入备份，恢复时仍可查看。",
    dialogCut: (value) => `仅列出前 ${n(value)} 项。`,
  },

  destination: {
    title: "备份内容与位置",
    includes: "备份范围",
    whole: "整个服务器",
    documents: "仅文档",
    wholeText: "文档、用户、用户组、配置、TLS 证书与私钥",
    documentsText: "文件夹、文档、修订版本和访问规则；不含任何账户",
    archive: "归档位置",
    key: "密钥位置",
    name: "名称",
    besideArchive: "与归档相同",
    pickArchiveTitle: "选择归档所在的文件夹",
    pickKeyTitle: "选择密钥文件所在的文件夹",
    nameHint: "留空则以时间命名。",
    created: "将创建此文件夹。",
    sameDisk: "与服务器在同一磁盘上：该磁盘一旦损坏，两者都会丢失。",
    keyBeside: "密钥文件与归档放在一起：能复制此文件夹的人就能读取备份。",
    dropArchive: "将归档文件夹拖放到此处",
    dropKey: "将密钥文件夹拖放到此处",
  },

  bar: {
    start: "开始备份",
    space: (needed, free, at) => `约 ${bold(size(needed))}；${path(at)} 可用 ${size(free)}`,
    spaceUnknown: (needed) => `约 ${bold(size(needed))}`,
    unverified: "完成后不回读校验（见设置）",
    why: {
      noSource: "请先选择服务器。",
      changed: "服务器路径已更改：请在其中按 Enter 键查看。",
      looking: "正在查看服务器。",
      sourceError: "此服务器目前无法备份，原因见上。",
      incomplete: "大部分内容缺失：请挂载其所在磁盘，或勾选上方的选项。",
      noFolder: "请选择存放归档的文件夹。",
      badName: "此名称不可用，原因见上。",
      archiveProblem: "归档无法写入此文件夹，原因见上。",
      keyProblem: "密钥文件无法写入此文件夹，原因见上。",
      noSpace: (needed, free, at) => `约需 ${bold(size(needed))}，而 ${path(at)} 仅有 ${size(free)} 可用。`,
    },
  },

  progress: {
    title: "正在备份",
    stopping: "正在停止…",
    phases: {
      connect: "连接",
      server_work: "服务器处理",
      download: "取回备份",
      snapshot: "快照",
      survey: "清点",
      encrypt: "加密内容",
      verify: "回读校验",
      publish: "生成备份文件",
    },
    notVerified: "未启用",
    percent: "备份总进度",
    asOf: (documents, time) => `${n(documents)} 个文档，快照时间 ${time}`,
    preparing: "正在获取服务器的当前状态。",
    left: (time) => `剩余约 ${bold(time)}`,
    working: "正在估算…",
    almost: "即将完成",
    rate: (rate) => `${size(rate)}/s`,
    warnings: (value) => `目前有 ${n(value)} 条警告`,
    warning: (title, problem) => `“${text(title)}”：${problem}`,
    serverWorks: "备份期间服务器照常运行。",
    cancel: "取消（不会残留任何文件）",
    spoken: (percent, phase) => `${percent}%，${phase}`,
    windowTitle: (percent) => `${percent}% – CFMS Backup`,
  },

  done: {
    verified: "备份完成并已校验",
    verifiedWarnings: (value) => `备份完成并已校验，有 ${n(value)} 条警告`,
    unverified: "备份完成，未校验",
    unverifiedWarnings: (value) => `备份完成，未校验，有 ${n(value)} 条警告`,
    incomplete: "备份不完整",
    incompleteText: (missing, files, below) =>
      `${n(files)} 个文件中有 ${bold(n(missing))} 个缺少内容${
        below === null ? "" : `（应位于 ${path(below)} 下）`
      }。`,
    incompleteOutside: (outside) => `其中 ${n(outside)} 个位于服务器文件夹之外或经由链接，未读取。`,
    mountAgain: "请勿依赖此备份：请挂载存放内容的磁盘，然后重新备份。",
    allowAgain: "请勿依赖此备份：请允许读取其所在的文件夹，然后重新备份。",
    archive: "归档",
    key: "密钥文件",
    sha256: "SHA-256",
    copySha: "复制 SHA-256",
    metadata: "元数据",
    version: "版本",
    created: "创建时间",
    includes: "备份范围",
    wholeServer: "整个服务器",
    documentsOnly: "仅文档",
    documents: "文档",
    folders: "文件夹",
    files: "文件",
    contents: "内容",
    took: "用时",
    warnings: "警告",
    check: "校验",
    readBack: (members) => `已从磁盘回读：${n(members)} 个条目，逐字节一致。`,
    notReadBack: "未回读校验。如需日后校验，请运行：",
    noWarnings: "没有缺失：服务器上的全部内容均已备份。",
    findings: "回读时发现",
    unfinished: (value) => `有 ${n(value)} 个上传从未完成，没有内容；不会因此丢失任何数据。`,
    keepKey: "请妥善保管密钥文件",
    keepKeyText: "没有密钥，任何人都无法打开此备份，包括我们。",
    keyBeside: "密钥文件与归档放在一起：能复制该文件夹的人就能读取备份。请另存一份，并将这一份移到别处。",
    sameDisk: "归档位于服务器所在的磁盘上。请将其复制到其他磁盘，否则会随该磁盘一同丢失。",
    done: "完成",
    notification: "备份已完成",
  },

  cancelled: {
    title: "已取消",
    heading: "备份已停止",
    text: "没有残留任何文件：未完成的归档及其密钥文件已删除。先前的备份和服务器均未受影响。",
    again: "再次备份",
    form: "返回",
  },

  failed: {
    title: "备份失败",
    nothingLeft: "本次备份没有残留任何文件。先前的备份、密钥文件和服务器均未受影响。",
    after: (done, total) => `已处理 ${size(done)}（共 ${size(total)}）。`,
    tryAgain: "重试",
    chooseFolder: "选择其他文件夹…",
    changeName: "更改名称",
    changeSource: "选择其他服务器",
    form: "返回",
    details: "详细信息",
    copyAll: "全部复制",
    notification: "备份失败",
    noAdvice: "请重试；如果再次发生，请将详细信息交给服务器的维护人员。",
  },

  closing: {
    title: "正在备份",
    text: (percent) => `当前进度 ${percent}%。如果现在关闭窗口，备份将停止，且不会残留任何文件。`,
    keep: "继续备份",
    stop: "停止并关闭",
    stopping: "正在停止…",
  },

  settings: {
    appearance: "外观",
    language: "语言",
    languageSystem: "跟随系统",
    theme: "主题",
    themes: { system: "跟随系统", light: "浅色", dark: "深色" },
    backups: "备份",
    archiveDir: "归档位置",
    archiveDirText: "每次备份时默认使用；为上次所用的位置。",
    archiveDirNone: "服务器自身的 content/backups",
    keyDir: "密钥位置",
    keyDirText: "最好放在其他磁盘或 U 盘上。",
    verify: "备份后校验",
    verifyText: "从磁盘回读完成的归档，并逐字节比对。",
    notifications: "通知",
    notificationsText: "窗口在后台时，备份结束后通知我。",
    about: "关于",
    version: "版本",
    logs: "日志",
    logsText: "记录运行时间与结果；不含标题和密钥。",
    openLogs: "打开文件夹",
    licences: "许可证",
    licencesText: "本程序及其所用组件的许可证。",
    showLicences: "查看",
    notSaved: "设置无法保存。",
    loading: "正在读取许可证…",
  },

  start: { failed: "应用程序未能正常启动。" },

  warnings,
  findings,
  notChecked,
  reasons,
  actions,
  errors,
};
