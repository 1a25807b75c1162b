/** 引擎的消息。 */
import { bytes as sizeOf } from "../lib/format";
import { bold, mono, shown } from "../lib/text";
import type { ErrorTexts, FindingTexts, NotCheckedTexts, Params, WarningTexts } from "./shape";

const locale = "zh-CN";
const size = (value: number | string | undefined) => sizeOf(Number(value ?? 0), locale);
const path = (value: string | undefined) => mono(shown(value ?? ""));
const text = (value: string | undefined) => shown(value ?? "");
const lacking = (p: Params) => Number(p.needed ?? 0) - Number(p.available ?? 0);
const some = (value: string | undefined) => Number(value ?? 0) > 0;

export const warnings: WarningTexts = {
  missing: "磁盘上缺少内容；条目已保留。",
  unreadable: "内容无法读取；条目已保留。",
  not_a_file: "该路径不是普通文件；条目已保留。",
  outside: "其路径指向服务器文件夹之外，或指向服务器自身的文件，因此未读取。",
  unfinished: "上传从未完成，没有内容；不会因此丢失数据。",
  changed: "内容在读取过程中发生变化；已保存读到的内容。",
  sha256_mismatch: "内容与服务器记录的 SHA-256 不符。",
  not_utf8: "数据库中有文本不是 UTF-8；无法识别的字节已被替换。",
  server_file_missing: "config.toml 指定的文件不存在或无法读取。",
  key_without_archive: "此处留有先前一次未完成的备份的密钥文件。",
  folder_moved: "写入备份期间，其文件夹被重命名或替换；文件实际位于报告所示的路径。",
};

export const findings: FindingTexts = {
  digest: "文件大小或 SHA-256 与密钥文件中的记录不符。",
  truncated: "归档被截断。",
  padding: "加密数据的末尾已损坏。",
  header: "归档中有条目头部无法识别。",
  trailing_bytes: "归档末尾之后还有多余数据。",
  duplicate_member: "有条目重复出现。",
  member_kind: "有条目的类型不应出现在备份中。",
  manifest: "有条目与清单不符。",
  json: "有数据表缺失或无法读取。",
  counts: "元数据中的计数与数据表不符。",
  sha256: "有内容与服务器记录的 SHA-256 不符。",
  content_missing: "备份中从未包含该内容。",
  reference: "有引用指向不存在的对象。",
};

export const notChecked: NotCheckedTexts = {
  no_digest: "密钥文件中没有归档的 SHA-256，无法证明其字节未被改动。",
  no_manifest: "归档中没有清单，无法逐一比对条目。",
};

/** 以引擎的英文动词为键。 */
export const actions: Record<string, string> = {
  read: "读取",
  "read back": "回读",
  "read the snapshot of": "读取快照",
  "create a folder for the snapshot in": "在此创建快照文件夹",
  "start a thread to write": "启动线程以写入",
  "change the owner of": "更改所有者",
  write: "写入",
  create: "创建",
  open: "打开",
  list: "列出",
  lock: "锁定",
  sync: "同步",
  close: "关闭",
  rename: "重命名",
  publish: "发布",
  remove: "删除",
  delete: "删除",
  copy: "复制",
  stat: "查看",
  inspect: "查看",
  "look at": "查看",
  seek: "定位",
  link: "链接",
  show: "显示",
  finish: "完成",
  "change the window of": "更改窗口",
};

export const errors: ErrorTexts = {
  cancelled: { title: () => "已取消", advice: () => null },
  not_found: {
    title: (p) => `${path(p.path)} 不存在`,
    advice: () => "请检查路径；所在磁盘是否已挂载？",
  },
  not_a_folder: {
    title: (p) => `${path(p.path)} 不是文件夹`,
    advice: () => "请选择其他文件夹，或将该位置上的文件移走。",
  },
  permission_denied: {
    title: (p, action) => `没有权限${action} ${path(p.path)}`,
    advice: () => "请以运行服务器的用户身份运行本程序，或选择您有写入权限的文件夹。",
  },
  io: {
    title: (p, action, problem) => `无法${action} ${path(p.path)}：${problem}`,
    advice: () => null,
  },
  not_cfms: {
    title: (p, _action, problem) => `${path(p.path)} 不是 CFMS 数据库：${problem}`,
    advice: () => "请选择 CFMS 服务器的运行文件夹，或其中的 app.db。",
  },
  my_sql: {
    title: (p) => `${path(p.path)} 处的服务器使用 MySQL 数据库，没有可供复制的数据库文件`,
    advice: () =>
      `请用 ${mono("mysqldump")} 备份数据库，并用文件备份工具备份 ${mono("content/")} 文件夹。本程序只读取使用 SQLite 的服务器。`,
  },
  contents_in_s3: {
    title: (p) => `${path(p.path)} 处的服务器将内容存放在 S3 存储中，而不在本机磁盘上`,
    advice: () => "请用存储服务商提供的工具备份该存储桶。",
  },
  config: {
    title: (p, _action, problem) => `无法解析 ${path(p.path)}：${problem}`,
    advice: () => "请修正 config.toml（否则服务器也无法启动）；如果它是链接，请换成文件本身。",
  },
  database_locked: {
    title: (p) => `数据库 ${path(p.path)} 持续被锁定达 ${p.seconds ?? "?"} 秒`,
    advice: () => "请等占用数据库的程序结束后重试。",
  },
  database_damaged: {
    title: (p, _action, problem) => `无法读取数据库 ${path(p.path)}：${problem}`,
    advice: () => `请用 ${mono("sqlite3 app.db 'PRAGMA integrity_check'")} 检查，并妥善保管最近的旧备份。`,
  },
  network_filesystem: {
    title: (p) => `数据库 ${path(p.path)} 位于网络文件系统（${text(p.filesystem)}）上`,
    advice: () =>
      `网络文件系统的锁对服务器不起作用。请在服务器所在的机器上运行本程序；或停止服务器后，在命令行中使用 ${mono("--server-stopped")}。`,
  },
  no_place_for_snapshot: {
    title: (p) => `临时目录 ${path(p.path)} 位于服务器或备份的文件夹内，不能在此存放数据库快照`,
    advice: () => `请为备份选择其他文件夹，或将 ${mono("TMPDIR")} 设为这两者之外的文件夹。`,
  },
  source_busy: {
    title: (p) => `正在进行 ${path(p.path)} 的另一个备份`,
    advice: () => "请等它完成后重试。",
  },
  bad_name: {
    title: (p, _action, problem) => `“${text(p.name)}”不能用作备份名称：${problem}`,
    advice: () => "请换一个名称，或留空以时间命名。",
  },
  already_exists: {
    title: (p) => `${path(p.path)} 已存在`,
    advice: () => "请换一个名称。已有的备份和密钥文件绝不会被覆盖。",
  },
  name_busy: {
    title: (p) => `另一个备份正在写入 ${path(p.path)}`,
    advice: () => "请换一个名称，或等另一个备份完成。",
  },
  not_mounted: {
    title: (p) => `${path(p.mount_point)} 未挂载任何磁盘，${path(p.path)} 会写到错误的磁盘上`,
    advice: () => "请挂载磁盘，或选择其他文件夹。",
  },
  same_disk: {
    title: (p) => `${path(p.path)} 与服务器数据在同一磁盘上`,
    advice: () => "请选择其他磁盘上的文件夹：与服务器同盘的备份会随磁盘一同损坏。",
  },
  no_space: {
    title: (p) => `${path(p.path)} 所在磁盘已满`,
    advice: (p) =>
      lacking(p) > 0
        ? `共需 ${size(p.needed)}。请在该磁盘上至少再腾出 ${bold(size(lacking(p)))}，或选择其他磁盘上的文件夹。`
        : "请在该磁盘上腾出空间，或选择其他磁盘上的文件夹。",
  },
  would_fill_server_disk: {
    title: (p) => `备份后，服务器所在磁盘（${path(p.path)}）的可用空间将不足 1 GiB`,
    advice: (p) =>
      `需要 ${bold(size(p.needed))}，可用 ${size(p.available)}。请选择其他磁盘上的文件夹：磁盘写满会使服务器停止工作。`,
  },
  file_too_large: {
    title: (p) =>
      some(p.needed)
        ? `${path(p.path)} 无法增长到 ${size(p.needed)}：已达上限`
        : `${path(p.path)} 无法继续增长：已达上限`,
    advice: () => `请选择其他文件系统上的文件夹（FAT 上单个文件最大 4 GiB），或提高限制（${mono("ulimit -f")}）。`,
  },
  key_missing: {
    title: (p) => `找不到 ${path(p.archive)} 的密钥文件：${path(p.path)} 不存在`,
    advice: () => "请找到密钥文件。没有密钥，任何人都无法打开此备份。",
  },
  key_file: {
    title: (p, _action, problem) => `${path(p.path)} 不是可用的密钥文件：${problem}`,
    advice: () => "请选择与此归档一同生成的 .key 文件。",
  },
  wrong_key: {
    title: (p) => `${path(p.path)} 无法打开 ${path(p.archive)}`,
    advice: () => "请选择与此归档一同生成的 .key 文件。",
  },
  damaged: {
    title: (p, _action, problem) => `${path(p.archive)} 已损坏：${problem}`,
    advice: () => "请勿依赖此归档。请重新备份，最好备份到其他磁盘。",
  },
  truncated: {
    title: (p, _action, problem) => `${path(p.archive)} 被截断：${problem}`,
    advice: () => "请勿依赖此归档。请重新备份，最好备份到其他磁盘。",
  },
  unsupported_version: {
    title: (p) => `${path(p.archive)} 的版本为“${text(p.version)}”；本程序只能读取版本“1.0”`,
    advice: () => "请使用本程序的更新版本。",
  },
  unexpected: {
    title: (_p, _action, problem) => `发生意外错误：${problem}`,
    advice: () => null,
  },
};
