'use strict';
// `npm run api` writes API.md: every export of index.ts with its signature and its doc comment, in the groups that the comments of index.ts name.
// spec/docs/api.spec.ts checks that the file is up to date, and that nothing in it lacks a sentence.

const { writeFileSync } = require('node:fs');
const { join } = require('node:path');
const ts = require('typescript');

const FILE = join(__dirname, 'API.md');
/** With more methods than these, a class begins with a list of them. */
const MOST_UNLISTED = 5;

/** The text of API.md, and the names of what has no doc comment. */
function apiReference() {
  const program = programOfLib();
  const checker = program.getTypeChecker();
  const index = program.getSourceFile(join(__dirname, 'index.ts'));
  const exported = new Map(checker.getExportsOfModule(checker.getSymbolAtLocation(index)).map((symbol) => [symbol.name, resolved(symbol)]));
  const names = new Map([...exported].map(([name, symbol]) => [symbol, name]));
  const undocumented = [];
  const groups = groupsOf(index);

  function resolved(symbol) {
    return symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
  }

  function section(name) {
    const symbol = exported.get(name);
    const [declaration] = symbol.declarations;
    const lines = [`### ${name}`, '', ...code(headOf(declaration, name)), ...commentLines(declaration, name)];
    if (ts.isClassDeclaration(declaration)) lines.push(...classLines(symbol, name));
    if (ts.isInterfaceDeclaration(declaration)) lines.push(...interfaceLines(symbol, name));
    if (ts.isFunctionDeclaration(declaration)) lines.push(...optionsNamedBy(declaration));
    return lines;
  }

  /** What stands before the braces of a declaration; of a type or a constant all of it. */
  function headOf(declaration, name) {
    if (ts.isFunctionDeclaration(declaration)) return declarationsOf(declaration).map((each) => `function ${signatureOf(each)}`).join('\n');
    if (ts.isVariableDeclaration(declaration)) return `const ${name}: ${declaration.type.getText()}`;
    if (ts.isTypeAliasDeclaration(declaration)) return [declaration, ...unexportedTypesIn(declaration.type)].map((each) => each.getText().replace(/^export /, '')).join('\n');
    const kind = ts.isClassDeclaration(declaration) ? 'class' : 'interface';
    const parameters = declaration.typeParameters ? `<${declaration.typeParameters.map((each) => each.getText()).join(', ')}>` : '';
    const bases = basesOf(checker.getDeclaredTypeOfSymbol(checker.getSymbolAtLocation(declaration.name))).map(({ text }) => text);
    return `${kind} ${name}${parameters}${bases.length > 0 ? ` extends ${bases.join(', ')}` : ''}`;
  }

  /** The declarations of the types that a type names and that have no section of their own. */
  function unexportedTypesIn(type, found = new Set()) {
    const visit = (node) => {
      const symbol = ts.isTypeReferenceNode(node) && checker.getSymbolAtLocation(node.typeName);
      const target = symbol && resolved(symbol);
      const [declaration] = (target && isOurs(target) && !names.has(target) && target.declarations) || [];
      if (declaration && !found.has(declaration) && !ts.isTypeParameterDeclaration(declaration)) {
        found.add(declaration);
        unexportedTypesIn(declaration, found);
      }
      ts.forEachChild(node, visit);
    };
    visit(type);
    return found;
  }

  /** The types that a class or an interface extends, and that a reader can know: exported ones, and Node's; `given` are the arguments of those between. */
  function basesOf(type, given = new Map()) {
    const nameOf = (each) => checker.typeToString(each).replaceAll('<ArrayBufferLike>', '').replace(/\w+/g, (word) => given.get(word) ?? word);
    return (checker.getBaseTypes(type) ?? []).filter(({ aliasSymbol }) => !aliasSymbol || !isOurs(aliasSymbol)).flatMap((base) => {
      if (names.has(base.symbol) || !isOurs(base.symbol)) return [{ base, text: nameOf(base) }];
      const parameters = base.target?.typeParameters ?? [];
      return basesOf(base.target ?? base, new Map(parameters.map((each, i) => [each.symbol.name, nameOf(base.typeArguments[i])])));
    });
  }

  /** The members of a type that a reader of this section looks for: not those of another section, and not what a stream of Node has. */
  function membersOf(symbol) {
    const type = checker.getDeclaredTypeOfSymbol(symbol);
    const inherited = new Map(basesOf(type).flatMap(({ base }) => checker.getPropertiesOfType(base).map((each) => [each.escapedName, each])));
    const isOwn = ({ declarations: [{ parent }] }) => symbol.declarations.includes(parent) || symbol.declarations.includes(parent.parent);
    const members = checker.getPropertiesOfType(type).filter((member) => {
      const [declaration] = member.declarations;
      const base = inherited.get(member.escapedName);
      return isOurs(member) && isPublic(declaration) && (!base || (hasComment(declaration) && (isOwn(member) || !isOurs(base))));
    });
    return [...members.filter((member) => !isOwn(member)), ...members.filter(isOwn)];
  }

  function classLines(symbol, name) {
    const [{ members }] = symbol.declarations;
    const variable = name.replace(/^[A-Z]+(?![a-z])|^[A-Z]/, (capitals) => capitals.toLowerCase()).replace(/^ftp.+/, 'pool');
    const code = members.find((member) => member.name?.getText() === 'code')?.initializer?.getText();
    const lines = code ? [`Its \`code\` is \`${code.slice(1, -1)}\`.`, ''] : [];
    const constructor = members.find((member) => ts.isConstructorDeclaration(member) && isPublic(member));
    if (constructor) lines.push(...methodLines(constructor, `new ${name}`, name));
    const every = membersOf(symbol);
    const methods = every.filter((member) => member.flags & ts.SymbolFlags.Method);
    const shared = methods.filter((member) => documentedBy.has(member.declarations[0]));
    const own = methods.filter((each) => !shared.includes(each)).map((method) => {
      const [declaration] = method.declarations;
      const text = declaration.name.getText();
      documentedBy.set(declaration, name);
      return { text, lines: methodLines(declaration, text.startsWith('[') ? `${variable}${text}` : `${variable}.${text}`, name) };
    });
    if (own.length > MOST_UNLISTED) lines.push(`Methods: ${own.map((each) => linkTo(each.lines[0], `\`${each.text}\``)).join(', ')}.`, '');
    if (shared.length > 0) {
      const [other] = shared.map((each) => documentedBy.get(each.declarations[0]));
      lines.push(`It has these methods of ${linkTo(`### ${other}`, other)}: ${shared.map(({ declarations: [{ name }] }) => `\`${name.getText()}\``).join(', ')}.`, '');
    }
    lines.push(...own.flatMap((each) => each.lines));
    return [...lines, ...table('Property', every.filter((member) => !methods.includes(member)), name)];
  }

  function interfaceLines(symbol, name) {
    const members = membersOf(symbol);
    const first = name.endsWith('Events') ? 'Event' : name.endsWith('Options') ? 'Option' : 'Member';
    const bases = basesOf(checker.getDeclaredTypeOfSymbol(symbol)).flatMap(({ base }) => names.get(base.symbol) ?? []);
    const also = bases.map((base) => linkTo(`### ${base}`, base)).join(' and ');
    const calls = symbol.declarations[0].members.filter(ts.isCallSignatureDeclaration).flatMap((each) => [...code(signatureOf(each)), ...commentLines(each, `${name}()`)]);
    return [...calls, ...table(first, members, name), ...(also && members.length > 0 ? [`Also those of ${also}.`, ''] : [])];
  }

  function methodLines(declaration, title, owner) {
    const parameters = declaration.parameters.map((each) => `${each.dotDotDotToken ? '...' : ''}${each.name.getText()}${isOptional(each) ? '?' : ''}`);
    const heads = declarationsOf(declaration).map(signatureOf);
    return [`#### ${title}(${parameters.join(', ')})`, '', ...code(heads.join('\n')), ...commentLines(declaration, `${owner}: ${title}`), ...optionsNamedBy(declaration)];
  }

  /** The overloads of a function or method, or the one declaration. */
  function declarationsOf(declaration) {
    const every = declaration.name ? checker.getSymbolAtLocation(declaration.name).declarations : [declaration];
    return every.length > 1 ? every.filter((each) => !each.body) : every;
  }

  function signatureOf(declaration) {
    const { name, typeParameters, parameters, type } = declaration;
    const generics = typeParameters ? `<${typeParameters.map((each) => each.getText()).join(', ')}>` : '';
    const given = parameters.map((each) => (isParameterProperty(each) ? each.getText().replace(/^(\/\*\*[^]*?\*\/\s*)?((public|readonly) )*/, '') : each.getText()));
    if (!name && !ts.isConstructorDeclaration(declaration)) return declaration.getText();
    const head = ts.isConstructorDeclaration(declaration) ? `new ${declaration.parent.name.text}` : `${name.getText()}${generics}`;
    return `${head}(${given.join(', ')})${type ? `: ${type.getText()}` : ''}`;
  }

  /** The tables of options whose type is not exported, and has no section of its own. */
  function optionsNamedBy(declaration) {
    return declaration.parameters.flatMap(({ type }) => {
      const symbol = type && ts.isTypeReferenceNode(type) && checker.getSymbolAtLocation(type.typeName);
      const target = symbol && resolved(symbol);
      return target && isOurs(target) && !names.has(target) && ts.isInterfaceDeclaration(target.declarations[0]) ? table('Option', membersOf(target), target.name) : [];
    });
  }

  function table(first, members, owner) {
    if (members.length === 0) return [];
    const rows = members.map((member) => {
      const [declaration] = member.declarations;
      const type = ts.isMethodSignature(declaration) ? signatureOf(declaration) : typeOf(member, declaration);
      const text = commentLines(declaration, `${owner}.${member.name}`).join(' ').replace(/ - /g, ' ').trim();
      return `| ${[`\`${declaration.name.getText()}${declaration.questionToken ? '?' : ''}\``, `\`${oneLine(type)}\``, text].map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
    });
    return [`| ${first} | ${first === 'Event' ? 'Arguments' : 'Type'} | |`, '|---|---|---|', ...rows, ''];
  }

  /** The type of a property as it is written, and what it stands for where that name is not exported. */
  function typeOf(member, { type }) {
    if (!type) return checker.typeToString(checker.getTypeOfSymbol(member));
    const symbol = ts.isTypeReferenceNode(type) && checker.getSymbolAtLocation(type.typeName);
    const alias = symbol && !names.has(resolved(symbol)) && resolved(symbol).declarations[0];
    return (alias && ts.isTypeAliasDeclaration(alias) && isOurs(resolved(symbol)) ? alias.type : type).getText();
  }

  /** A doc comment as Markdown: its text, what it says of parameters, what is returned, and the errors. */
  function commentLines(declaration, name) {
    const comments = ts.getJSDocCommentsAndTags(declaration).filter(ts.isJSDoc);
    const text = comments.map(({ comment }) => ts.getTextOfJSDocComment(comment) ?? '').join('\n').trim();
    if (text === '' && !(ts.isConstructorDeclaration(declaration) && declaration.parameters.every(hasComment))) undocumented.push(name);
    const tags = comments.flatMap(({ tags = [] }) => [...tags]);
    const textOf = (tag) => oneLine(ts.getTextOfJSDocComment(tag.comment) ?? '');
    const parameters = (declaration.parameters ?? []).filter(isParameterProperty).map((each) => `- \`${each.name.getText()}\`: ${commentLines(each, `${name}: ${each.name.getText()}`)[0]}`);
    for (const tag of tags) {
      if (ts.isJSDocParameterTag(tag)) parameters.push(`- \`${tag.name.getText()}\`: ${textOf(tag)}`);
      if (ts.isJSDocReturnTag(tag)) parameters.push(`- Returns ${textOf(tag)}`);
      if (ts.isJSDocThrowsTag(tag)) parameters.push(`- Throws ${textOf(tag)}`);
    }
    return [...(text === '' ? [] : [text.split(/\n\s*\n/).map(oneLine).join('\n\n'), '']), ...(parameters.length > 0 ? [...parameters, ''] : [])];
  }

  /** The class in whose section a method is. */
  const documentedBy = new Map();
  const sections = groups.map(({ title, exports }) => [`## ${title}`, '', ...exports.flatMap(section)]);
  const contents = groups.map(({ title, exports }) => `- ${linkTo(`## ${title}`, title)}: ${exports.map((name) => linkTo(`### ${name}`, name)).join(', ')}`);
  return { text: withAnchors([...HEAD, ...contents, '', ...sections.flat()]), undocumented };
}

const HEAD = [
  '# API', '',
  'Every export of the package. This page is made from the doc comments of the code by `npm run api`; [the README](../README.md) has examples.', '',
];

function programOfLib() {
  const { config } = ts.readConfigFile(join(__dirname, 'tsconfig.json'), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, __dirname);
  return ts.createProgram([join(__dirname, 'index.ts')], options);
}

/** The exports of index.ts by the comments above them. */
function groupsOf(index) {
  const groups = [];
  for (const statement of index.statements) {
    const comment = ts.getLeadingCommentRanges(index.text, statement.pos)?.at(-1);
    if (comment) groups.push({ title: index.text.slice(comment.pos, comment.end).replace(/^\/\/ /, ''), exports: [] });
    groups.at(-1).exports.push(...statement.exportClause.elements.map(({ name }) => name.text));
  }
  return groups;
}

function isOurs(symbol) {
  return symbol.declarations?.some((each) => !each.getSourceFile().fileName.includes('/node_modules/')) ?? false;
}

function isPublic(declaration) {
  const modifiers = ts.getCombinedModifierFlags(declaration);
  return !ts.isPrivateIdentifier(declaration.name ?? declaration) && !(modifiers & ts.ModifierFlags.NonPublicAccessibilityModifier) && !ts.getJSDocTags(declaration).some(({ tagName }) => tagName.text === 'internal');
}

function isOptional({ questionToken, initializer }) {
  return questionToken !== undefined || initializer !== undefined;
}

function isParameterProperty(parameter) {
  return ts.isParameter(parameter) && (ts.getModifiers(parameter) ?? []).length > 0;
}

function hasComment(declaration) {
  return ts.getJSDocCommentsAndTags(declaration).some(ts.isJSDoc);
}

function oneLine(text) {
  return text.replace(/\s*\n\s*/g, ' ').trim();
}

function code(text) {
  return ['```ts', text, '```', ''];
}

/** A link to a heading, whose anchor `withAnchors` finds. */
function linkTo(heading, text) {
  return `[${text}](#{${heading}})`;
}

/** The lines as one text, in which links have the anchors that GitHub makes of headings: of equal ones the later ones get a number. */
function withAnchors(lines) {
  const counts = new Map();
  const anchors = new Map();
  for (const heading of lines.filter((line) => /^#+ /.test(line))) {
    const anchor = heading.replace(/^#+ /, '').toLowerCase().replace(/[^\w\- ]/g, '').replaceAll(' ', '-');
    const count = counts.get(anchor) ?? 0;
    counts.set(anchor, count + 1);
    anchors.set(heading, count === 0 ? anchor : `${anchor}-${count}`);
  }
  return `${lines.join('\n').trimEnd()}\n`.replace(/\(#\{(.*?)\}\)/g, (_, heading) => `(#${anchors.get(heading)})`);
}

module.exports = { FILE, apiReference };

if (require.main === module) {
  const { text, undocumented } = apiReference();
  if (undocumented.length > 0) console.error(`without a doc comment: ${undocumented.join(', ')}`);
  writeFileSync(FILE, text);
}
