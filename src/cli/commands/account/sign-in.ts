import { Option } from 'commander'
import type { Command } from 'commander'
import { addAccountOptions, parseAccountServer } from '../../account/session.ts'
import type { AccountOptions } from '../../account/session.ts'
import type { PasswordChangeOptions } from '../../account/change-password.ts'
import type { LoginOptions, RegisterOptions } from '../../account/sign-in.ts'
import type { CliContext } from '../../context.ts'
import { addPasswordOptions } from '../../password/sources.ts'

const URL_TEXT = 'address of the server (default: the one of the last time)'

const LOGIN_TEXT = `
The password is asked for at the terminal, unless an option says where it is. It is sent to the server and not kept; what is kept is the token of the session, in
~/.config/peerbin/credentials.json (or below XDG_CONFIG_HOME), which only you may read. One server each; the last one is used where none is named.

With --key an API key is kept instead, for programs that must not have all your rights: \`peerbin keys create\` makes one. A script needs no file: PEERBIN_URL and PEERBIN_TOKEN
(a session's token or a key) stand for it.

Examples:
  peerbin login https://files.example.org
  peerbin login --username ada --password-file password.txt https://files.example.org
  peerbin login --key --password-stdin https://files.example.org < key.txt
  PEERBIN_URL=https://files.example.org PEERBIN_TOKEN=pbk_… peerbin ls`

const REGISTER_TEXT = `
Makes an account and signs in. Where the server takes invited people only, the invitation is asked for, or comes from --invite-file or PEERBIN_INVITE.

Examples:
  peerbin register https://files.example.org
  peerbin register --username ada --invite-file invitation.txt https://files.example.org`

const LOGOUT_TEXT = `
Ends the session, at the server as well: within a second its token works nowhere. An API key is only forgotten here; \`peerbin keys revoke\` ends it.

Examples:
  peerbin logout
  peerbin logout https://files.example.org`

const WHOAMI_TEXT = `
Examples:
  peerbin whoami
  peerbin whoami --json | jq -r .user_id`

const PASSWD_TEXT = `
Ends all other sessions of the account. API keys go on, unless --keys says otherwise.

Examples:
  peerbin passwd
  printf '%s\\n' "$OLD" "$NEW" | peerbin passwd --password-stdin`

export function addSignInCommands(program: Command, context: CliContext): void {
  addLogin(program, context)
  addRegister(program, context)
  const logout = program
    .command('logout')
    .summary('sign out, and forget the token')
    .description('Sign out, and forget the token.')
    .argument('[url]', URL_TEXT, parseAccountServer)
  addAccountOptions(logout)
    .addHelpText('after', LOGOUT_TEXT)
    .action(async (url: URL | undefined, options: AccountOptions) => {
      const work = await import('../../account/sign-in.ts')
      await work.logout(url, options, context)
    })
  const whoami = program
    .command('whoami')
    .summary('show who is signed in, and where')
    .description('Show who is signed in, where, and how much space is used.')
  addAccountOptions(whoami)
    .addHelpText('after', WHOAMI_TEXT)
    .action(async (options: AccountOptions) => {
      const work = await import('../../account/sign-in.ts')
      await work.whoami(options, context)
    })
  addPasswd(program, context)
}

function addLogin(program: Command, context: CliContext): void {
  const command = program
    .command('login')
    .summary('sign in to an account on a server')
    .description('Sign in to an account on a server, and keep the token.')
    .argument('[url]', URL_TEXT, parseAccountServer)
    .option('-u, --username <name>', 'name of the account (default: it is asked for)')
  addPasswordOptions(command, 'password, or key').addOption(
    new Option('--key', 'keep an API key in place of a session').conflicts('username')
  )
  addAccountOptions(command)
    .addHelpText('after', LOGIN_TEXT)
    .action(async (url: URL | undefined, options: LoginOptions) => {
      const work = await import('../../account/sign-in.ts')
      await work.login(url, options, context)
    })
}

function addRegister(program: Command, context: CliContext): void {
  const command = program
    .command('register')
    .summary('make an account on a server')
    .description('Make an account on a server, and sign in to it.')
    .argument('[url]', URL_TEXT, parseAccountServer)
    .option('-u, --username <name>', 'name of the account (default: it is asked for)')
    .option('--invite-file <file>', 'invitation: the first line of a file')
  addAccountOptions(addPasswordOptions(command, 'password'))
    .addHelpText('after', REGISTER_TEXT)
    .action(async (url: URL | undefined, options: RegisterOptions) => {
      const work = await import('../../account/sign-in.ts')
      await work.register(url, options, context)
    })
}

function addPasswd(program: Command, context: CliContext): void {
  const command = program
    .command('passwd')
    .summary('change the password of the account')
    .description('Change the password of the account.')
    .option('--old-password-file <file>', 'present password: the first line of a file')
    .option('--new-password-file <file>', 'new password: the first line of a file')
    .addOption(
      new Option(
        '--password-stdin',
        'both from standard input, a line each: the present one, then the new one'
      ).conflicts(['oldPasswordFile', 'newPasswordFile'])
    )
    .option('--keys', 'API keys end as well')
  addAccountOptions(command)
    .addHelpText('after', PASSWD_TEXT)
    .action(async (options: PasswordChangeOptions) => {
      const work = await import('../../account/change-password.ts')
      await work.changePassword(options, context)
    })
}
