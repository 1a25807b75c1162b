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
  repeated_id: "数据库中有一行的 ID 与另一行重复；备份将它单独保存在 orphans.json 中。",
  server_file_missing: "服务器自身的文件（config.toml、init、TLS 证书与私钥）缺失或无法读取。",
  database_damaged: "服务器的数据库已损坏；已按原样备份。",
  certificate_expired: "服务器的证书已过期；它仍是受信任的那一个。",
  left_on_server: "此服务器无法发送文件：请从其磁盘取回归档和密钥，然后在那里删除。该机器上的所有用户都能读取密钥。",
  not_remembered: "密码未被记住：此系统没有可用的密钥环。",
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
  duplicate_row: "作为主键的 ID 在多行中重复出现。",
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
  "start looking at the copy of": "启动线程以检查副本",
  compare: "比较",
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
    title: (p) => `正在进行 ${path(p.path)} 的另一个备份或恢复`,
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
  tls_pair: {
    title: (p, _action, problem) => `${path(p.path)} 无法用于 TLS：${problem}`,
    advice: () => "请提供证书及其私钥，二者均须为 PEM 文件。",
  },
  state_not_private: {
    title: (p, _action, problem) => `${path(p.path)} 不能用来保存备份代理的状态：${problem}`,
    advice: () =>
      `请将其所有者改为运行备份代理的用户，并取消其他用户的写权限（${mono("chown")}、${mono("chmod go-w")}），或选择其他文件夹。`,
  },
  unsupported_version: {
    title: (p) => `${path(p.archive)} 的版本为“${text(p.version)}”；本程序只能读取版本“1.0”及清单格式“cfms-backup/1”`,
    advice: () => "请使用本程序的更新版本。",
  },
  not_in_backup: {
    title: (p) => `备份中没有“${text(p.wanted)}”`,
    advice: () => "请在文件夹和文档列表中查找。",
  },
  ambiguous: {
    title: (p) => `备份中有多项名为“${text(p.wanted)}”：${text(p.ids)}`,
    advice: () => "请用 ID 指定其中一项。",
  },
  content_not_held: {
    title: (p) => `备份时就缺少此文件内容（${text(p.file_id)}）：${text(p.reason)}`,
    advice: () => "请在其他备份中查找。",
  },
  in_the_way: {
    title: (p) => `${path(p.path)} 是链接，或不是普通文件或文件夹；程序不会通过它写入，也不会覆盖它`,
    advice: () => "请选择其他文件夹，或移走该项。",
  },
  conflicts: {
    title: (p) =>
      `有 ${text(p.count)} 个文档、文件夹或文件已存在且内容不同，第一个是“${text(p.first)}”；未向 ${path(p.path)} 写入任何内容`,
    advice: () => "请先查看差异，再选择处理方式：保留现有的、替换，或将旧版本另存在旁边。",
  },
  wider_access: {
    title: (p) => `恢复后，${text(p.count)} 个文件夹或文档的可访问者会比备份时更多：${text(p.first)}`,
    advice: () => "请查看涉及哪些人。可恢复到与备份同版本的服务器，或明确接受此变化。",
  },
  columns_lacking: {
    title: (p) => `数据库 ${path(p.path)} 没有 ${text(p.columns)}，缺少它会使某些内容被公开，或使已删除的内容重新出现`,
    advice: () => `请在空文件夹中启动一次与备份同版本的服务器，并指定它的数据库（${mono("--like")}）。`,
  },
  server_running: {
    title: (p) => `正在运行的服务器占用着数据库 ${path(p.path)}（进程 ${text(p.processes)}）`,
    advice: () => "请先停止服务器：服务器运行时只能新增文档。",
  },
  target_changed: {
    title: (p) => `制定计划后数据库 ${path(p.path)} 又有改动；未写入任何内容`,
    advice: () => "请重新制定计划，或先停止服务器。",
  },
  no_such_folder: {
    title: (p) => `服务器上没有文件夹“${text(p.wanted)}”`,
    advice: () => "请先在服务器上创建该文件夹，或用 ID 或路径指定其他文件夹。",
  },
  like_needs_new: {
    title: (p) => `此处已有服务器，其数据库为 ${path(p.path)}，不能再按其他数据库新建`,
    advice: () => "请选择没有服务器的文件夹。",
  },
  not_proved: {
    title: (p, _action, problem) => `恢复到 ${path(p.path)} 的内容未能全部核实：${problem}`,
    advice: () => `请勿信赖此服务器的磁盘。恢复前的数据库就在旁边（${mono("app.db.before-restore-…")}）。`,
  },
  server_address: {
    title: (p, _action, problem) => `“${text(p.address)}”不是服务器地址：${problem}`,
    advice: () => `请写成 ${mono("主机")}、${mono("主机:端口")} 或 ${mono("wss://主机:端口")}。`,
  },
  server_unreachable: {
    title: (p, _action, problem) => `无法连接 ${path(p.server)}：${problem}`,
    advice: () => "服务器是否在运行？地址和端口是否正确（默认 5104，备份代理为 5105）？防火墙是否放行？",
  },
  unencrypted: {
    title: (p) => `与 ${path(p.server)} 的连接未加密`,
    advice: () => `请使用 ${mono("wss://")}：否则线路上的任何人都能看到密码。`,
  },
  not_cfms_server: {
    title: (p, _action, problem) => `${path(p.server)} 上应答的不是 CFMS 服务器：${problem}`,
    advice: () => "请检查地址和端口：除非管理员改过，端口为 5104。",
  },
  certificate_unknown: {
    title: (p) => `${path(p.server)} 的证书未知：SHA-256 指纹 ${mono(p.fingerprint ?? "")}`,
    advice: () =>
      `请与服务器自己的指纹比对（在服务器上运行：${mono("openssl x509 -in content/ssl/cert.pem -noout -fingerprint -sha256")}），或询问其管理员。`,
  },
  certificate_changed: {
    title: (p) =>
      `${path(p.server)} 的证书已更换：受信任的是 ${mono(p.expected ?? "")}，现在出示的是 ${mono(p.fingerprint ?? "")}`,
    advice: () =>
      "在弄清原因之前请勿继续：可能有人在中间截取。如果是管理员更换了证书，请先移除此服务器，再像首次连接那样比对新指纹。",
  },
  certificate_other: {
    title: (p) =>
      `${path(p.server)} 的证书与给定的不同：给定的是 ${mono(p.expected ?? "")}，出示的是 ${mono(p.fingerprint ?? "")}`,
    advice: () => "在弄清原因之前请勿继续：可能有人在中间截取。请在服务器上重新读取指纹。",
  },
  no_backup_action: {
    title: (p) => `${path(p.server)}（${text(p.name)}，版本 ${text(p.version)}）没有备份功能`,
    advice: () =>
      `请在服务器本机上备份，或在那里旁边运行我们的备份代理（${mono("cfms-backup serve")}），再连接到代理。`,
  },
  credentials_refused: {
    title: (p) => `${path(p.server)} 拒绝了 ${text(p.username)} 的用户名或密码`,
    advice: () => "请检查两者。多次失败后，服务器会放慢后续尝试。",
  },
  password_expired: {
    title: (p) => `${text(p.username)} 在 ${path(p.server)} 上的密码已过期或必须更改`,
    advice: () => "请在此设置新密码，或在 CFMS 客户端中更改。",
  },
  password_expired_at_agent: {
    title: (p) => `${text(p.username)} 的密码已过期或必须更改，而 ${path(p.server)} 是备份代理，无法更改密码`,
    advice: () => "请在 CFMS 客户端中登录服务器本身更改密码，然后用新密码重新登录。",
  },
  second_factor_refused: {
    title: (p) => `${path(p.server)} 拒绝了 ${text(p.username)} 的第二重验证`,
    advice: () =>
      "请输入身份验证器当前显示的六位数字，每个只能使用一次。请确认两端的时钟是否准确。备份代理不接受备用验证码。",
  },
  second_factor_wanted: {
    title: (p) => `${path(p.server)} 要求 ${text(p.username)} 提供第二重验证`,
    advice: () => "请输入身份验证器当前显示的六位数字。",
  },
  user_inactive: {
    title: (p) => `${path(p.server)} 上的账户 ${text(p.username)} 未启用`,
    advice: () => "请联系服务器管理员启用该账户。",
  },
  lockdown: {
    title: (p) => `${path(p.server)} 处于锁定状态`,
    advice: () => `请询问是谁锁定了它。在此期间只有具有 ${mono("bypass_lockdown")} 权限的用户可以操作。`,
  },
  too_many_attempts: {
    title: (p) => `对 ${path(p.server)} 的尝试次数过多`,
    advice: () => "请等待几分钟，再用正确的密码重试。",
  },
  access_denied: {
    title: (p) => `${text(p.username)} 无权在 ${path(p.server)} 上执行此操作：${text(p.message)}`,
    advice: () =>
      `请使用具有 ${mono("manage_system")} 权限（某些服务器为 ${mono("export_backup")}）的账户，或申请该权限。`,
  },
  entry_denied: {
    title: (p) => `${path(p.server)} 不允许从此处登录，或不允许 ${text(p.username)} 从此处登录：${text(p.message)}`,
    advice: () => "请联系服务器管理员：这台计算机所在的网络可能已被封禁，或该账户只能从其他位置登录。",
  },
  session_ended: {
    title: (p) => `${path(p.server)} 已结束 ${text(p.username)} 的会话`,
    advice: () => "请重新登录。",
  },
  server_refused: {
    title: (p) => `${path(p.server)} 拒绝了 ${mono(p.request ?? "")}：${text(p.message)}（${p.code ?? "?"}）`,
    advice: () => null,
  },
  server_busy: {
    title: (p) => `${path(p.server)} 目前无法执行：${text(p.message)}`,
    advice: () => "请等待当前工作完成，或换一个名称。",
  },
  name_taken_on_server: {
    title: (p) => `${path(p.server)} 上已有名为“${text(p.name)}”的备份`,
    advice: () => `请换一个名称；如果那是您的备份，可用 ${mono("cfms-backup remote download")} 取回。`,
  },
  protocol: {
    title: (p, _action, problem) =>
      p.quoted
        ? `${path(p.server)} 发来了意外的内容：${problem}（“${text(p.quoted)}”）`
        : `${path(p.server)} 发来了意外的内容：${problem}`,
    advice: () => "如果它确实是 CFMS 服务器，请附上服务器版本报告此问题。",
  },
  connection_lost: {
    title: (p, _action, problem) => `与 ${path(p.server)} 的连接已中断：${problem}`,
    advice: () => "请检查网络和服务器，然后重试。",
  },
  server_silent: {
    title: (p) => `${path(p.server)} 已 ${p.seconds ?? "?"} 秒没有应答`,
    advice: () => "请检查网络和服务器，然后重试。",
  },
  outcome_unknown: {
    title: (p, _action, problem) =>
      p.request === "generate_backup"
        ? `服务器正在备份时，与 ${path(p.server)} 的连接中断了。`
        : `在 ${mono(p.request ?? "")} 期间与 ${path(p.server)} 的连接中断：${problem}。无法确定操作是否完成`,
    advice: (p) =>
      p.request === "generate_backup"
        ? `如果服务器仍在运行，备份可能会继续完成；再次备份前，请先查看服务器上的 ${mono("content/backups")}。`
        : "再次操作前，请先查看服务器上的情况。",
  },
  outcome_unclear: {
    title: (p, _action, problem) =>
      p.quoted
        ? `${path(p.server)} 可能已创建备份，但其应答出乎意料：${problem}（“${text(p.quoted)}”）`
        : `${path(p.server)} 可能已创建备份，但其应答出乎意料：${problem}`,
    advice: () =>
      `再次请求之前请先查看服务器（其 ${mono("content/backups")}）：如果那里有备份，密钥就在归档旁边，该机器上的所有用户都可能读取它。请附上服务器版本报告此问题。`,
  },
  cannot_send_files: {
    title: (p) => `${path(p.server)} 无法发送备份：它没有这项功能`,
    advice: () =>
      `请从服务器的 ${mono("content/backups")} 取回归档和密钥（scp、sftp），或在服务器旁运行我们的备份代理。`,
  },
  not_on_server: {
    title: (p) => `${path(p.server)} 上没有此用户的备份“${text(p.name)}”`,
    advice: () => "只提供由该代理为该用户制作的备份。请检查名称。",
  },
  transfer_damaged: {
    title: (p, _action, problem) =>
      `“${text(p.name)}”的${p.part === "key" ? "密钥" : "归档"}从 ${path(p.server)} 传来后与发送的不一致：${problem}`,
    advice: () => "请重新获取。如果再次发生，请检查服务器的磁盘。",
  },
  known_servers: {
    title: (p, _action, problem) => `无法识别已知服务器列表 ${path(p.path)}：${problem}`,
    advice: () => "请修正或删除该文件。没有它，所有服务器都会重新变为未知。",
  },
  keyring: {
    title: (p, _action, problem) => `系统密钥环中没有 ${path(p.server)} 的密码：${problem}`,
    advice: () => "请输入密码。",
  },
  unexpected: {
    title: (_p, _action, problem) => `发生意外错误：${problem}`,
    advice: () => null,
  },
};
