/** Script of the pages that lead in: signing in, creating an account, setting the server up. */

import { render } from 'preact'
import { frameOf } from '../account/start.tsx'
import { SetUp } from './set-up.tsx'
import { SignIn } from './sign-in.tsx'
import { SignUp } from './sign-up.tsx'

const frame = frameOf()
if (frame !== undefined) {
  const { root, path, settings } = frame
  root.replaceChildren()
  const limits = { passwordBytesMax: settings.passwordBytesMax }
  if (path === '/setup') render(<SetUp {...limits} />, root)
  else if (path === '/sign-up') render(<SignUp {...limits} />, root)
  else render(<SignIn {...limits} />, root)
}
