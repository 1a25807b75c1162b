/** 网络上的 CFMS 服务器，简体中文。 */
import { number } from "../lib/format";
import { bold, mono, shown } from "../lib/text";
import type { Dictionary } from "./language.svelte";

const locale = "zh-CN";
const n = (value: number) => number(value, locale);
const path = (value: string) => mono(shown(value));
const withWarnings = (value: number) => (value === 0 ? "" : `，有 ${n(value)} 条警告`);

export const source: Dictionary["sourceKind"] = {
  label: "服务器所在位置",
  computer: "本机",
  server: "CFMS 服务器",
};

export const server: Dictionary["server"] = {
  title: "网络上的服务器",
  formTitle: "要备份哪台服务器？",
  formText: "请使用该服务器上有备份权限的账户登录。",
  address: "地址",
  addressExample: "files.example.org:5104",
  addressHint: "主机和端口；不填端口时为 5104，本程序的备份代理为 5105。",
  user: "用户名",
  password: "密码",
  inKeyring: "已保存在系统密钥环中",
  forgetPassword: "不再保存",
  showPassword: "显示密码",
  hidePassword: "隐藏密码",
  remember: "保存到系统密钥环",
  recent: "最近使用",
  connect: "连接",
  calling: (address) => `正在连接 ${path(address)}…`,
  signingIn: (username) => `正在以 ${shown(username)} 登录…`,
  missing: {
    noAddress: "请输入服务器地址。",
    noUser: "请输入用户名。",
    noPassword: "请输入密码。",
  },

  trustTitle: "这是您的服务器吗？",
  selfSigned: (address) => `${path(address)} 出示的是自签名证书，大多数 CFMS 服务器都是如此。`,
  notVouched: (address) => `${path(address)} 出示的证书未获本机任何证书颁发机构认可。`,
  fingerprint: "SHA-256 指纹",
  paste: "在此粘贴服务器的指纹以进行比对",
  equal: "指纹一致。",
  different: "指纹不一致。请勿信任此服务器：可能有人在中间截取。",
  unreadable: "这不是 SHA-256 指纹：应为 64 位十六进制数字，可带冒号。",
  names: "名称",
  valid: "有效期",
  signedBy: "签发者",
  itself: "自签名",
  unknown: "未知",
  expired: "已过期",
  howToCompare: (command) => `请与服务器核对：在服务器上运行 ${mono(command)}，或询问其管理员。`,
  trust: "一致，信任此服务器",
  seesPassword: "该服务器的运营者能看到您输入的密码。仅询问一次。",

  changedTitle: "这不是您信任过的证书",
  changedText: (address) =>
    `${path(address)} 出示了另一张证书。可能有人在您与服务器之间截取，也可能是管理员更换了证书。尚未发送任何信息，包括用户名和密码。`,
  changedMeanwhile: (address) =>
    `重新连接后，${path(address)} 出示了另一张证书。可能有人在您与服务器之间截取，也可能是管理员更换了证书。新的连接上尚未发送任何信息。`,
  trusted: "已信任",
  shownNow: "当前出示",
  wayOut:
    "请通过其他途径询问服务器的管理员。只有在确认是对方更换了证书时，才在“设置”中移除此服务器，然后重新连接，并像首次那样比对新的指纹。",
  openSettings: "打开设置",

  factorTitle: "还需要一步验证",
  factorText: (username) => `密码正确。请输入 ${shown(username)} 的身份验证器当前显示的六位数字。`,
  factor: "验证码",
  factorWrong: "验证码不正确或已过期，请等待下一个验证码。",
  goOn: "继续",

  expiredTitle: "必须更改密码",
  expiredText: (username) => `${shown(username)} 的密码正确，但已过期或必须更改后才能登录。`,
  newPassword: "新密码",
  again: "再次输入",
  notSame: "两次输入的密码不一致。",
  changeAndGoOn: "更改并登录",

  signOut: "退出登录",
  other: "选择其他服务器",
  signedInAs: "登录用户",
  program: "程序",
  version: (text) => `CFMS ${shown(text)}`,
  agent: (text) => `备份代理 ${shown(text)}`,
  protocol: "协议版本",
  holds: "备份内容",
  holdsWhole: "整个服务器",
  holdsDocuments: "仅文档",
  holdsUnknown: "由服务器决定",
  lockdown: "管理员已锁定此服务器，它可能会拒绝备份。",
  mayNot: (username) =>
    `${shown(username)} 无权备份此服务器：该账户缺少 ${mono("manage_system")} 权限（部分服务器为 ${mono("export_backup")}）。请申请该权限，或使用其他账户登录。`,
  notRemembered: "系统密钥环未接受此密码。",
  notRememberedText: "密钥环可能已锁定或拒绝保存。您已登录；下次仍需输入密码。",

  destination: "备份位置",
  includes: "备份范围",
  wholeText: "整个服务器，由其运营者决定：也包括用户及其密码哈希和 TLS 私钥。",
  documentsText: "文件夹、文档、修订版本和访问规则；不含任何账户。",
  unknownText: "以服务器自身的备份内容为准。",
  copy: "副本",
  copyHere: "在本机保存一份副本",
  copyText: "归档和密钥文件会取回本机并校验。",
  noCopyText: "归档和密钥文件留在服务器的磁盘上。",
  cannotSend: "此服务器无法发送文件：归档和密钥文件留在其磁盘上。",
  nameHint: "留空则由服务器按时间命名。",
  free: (size, at) => `${path(at)} 可用 ${bold(size)}`,
  staysThere: "备份将只保存在服务器上。",
  mayNotShort: "此账户无权备份，原因见上。",
};

export const remoteProgress: Dictionary["remoteProgress"] = {
  at: (address) => `通过 ${path(address)}`,
  untold: "此服务器不报告进度。",
  sinceThen: "已用时间",
  lost: (problem) => `连接已中断：${problem}。正在重新连接。`,
  found: "连接已恢复，继续进行。",
  cancelBefore: "取消（尚未请求备份，不会残留任何文件）",
  cancelThere: "取消（服务器会自行继续）",
  cancelHere: "取消（本机不残留，服务器保留其副本）",
  closing: "如果现在关闭窗口，本机不会残留任何文件。服务器可能会自行继续，其备份将保存在服务器的磁盘上。",
};

export const remoteDone: Dictionary["remoteDone"] = {
  verified: (value) => `备份完成，已取回并校验${withWarnings(value)}`,
  readable: (value) => `备份完成并已取回，但无法证明完整${withWarnings(value)}`,
  there: (value) => `已在服务器上完成备份${withWarnings(value)}`,
  notFetched: "备份已完成，但未能取回",
  onServer: "服务器上",
  notChecked: "没有文件取回本机，因此未在本机校验。",
  readableText: "可以读取，但其中没有可用于证明其完整的信息。",
  leftThere:
    "归档和密钥文件一起放在服务器的磁盘上，且该主机的所有用户都能读取密钥文件。请用 scp 或 sftp 取回两者，然后在服务器上删除。以上为服务器文件夹内的路径。",
  serverHasIt: "服务器上仍有一份副本，包括密钥文件。",
  serverKeepsIt: "服务器保留其副本（包括密钥文件）：本机的副本未能证明完整。",
  delete: "在服务器上删除…",
  deleteTitle: "要删除服务器上的备份吗？",
  deleteText: (name) =>
    `将从服务器的磁盘上删除 ${path(name)} 的归档和密钥文件。本机的副本已通过校验并会保留，此后它将是唯一的一份。`,
  deleteNow: "删除",
  deleting: "正在删除…",
  keep: "保留",
  deleted: "服务器上的副本已删除，本机的这一份是唯一的副本。",
  stillThere: (name) => `备份在服务器上，名称为 ${path(name)}；本机没有残留任何文件。`,
  nothingHere: "本机没有残留任何文件。",
  fetchAgain: "重新取回",
  fetch: "取回备份",
  signInAgain: "重新登录",
  cancelledBefore: "尚未向服务器请求备份，服务器和本机都没有残留任何文件。",
  cancelledThere: "服务器会自行继续，其备份将保存在服务器的磁盘上。本机没有残留任何文件。",
};

export const known: Dictionary["known"] = {
  title: "已知服务器",
  text: "每台服务器都必须出示此处所列的证书。窗口与命令行共用此列表。",
  none: "暂无。信任服务器的证书后，会显示在这里。",
  since: (time) => `自 ${time} 起`,
  forget: "移除",
  forgotten: (address) => `${path(address)} 已移除。下次连接时，会像首次那样显示其证书供您确认。`,
};
