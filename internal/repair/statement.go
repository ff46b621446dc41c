package repair

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// parts are what a statement consists of. Text is kept as tokens, so that a parameter is a token of its own and its value can
// never become part of the text.
type parts struct {
	action  string
	assign  []token  // UPDATE: between SET and WHERE
	where   []token  // UPDATE and DELETE
	values  []token  // INSERT: all after the table
	sets    []string // columns that an UPDATE sets
	columns []string // columns that an INSERT gives
}

// token is a word, a literal, a sign, or a parameter.
type token struct {
	kind string // "word", "text", "number", "sign", "parameter"
	text string // of a word in small letters; of a parameter its name
}

// functions that an expression may call: each gives the same for the same row at any time and touches nothing else.
var functions = []string{
	"abs", "btrim", "coalesce", "concat", "date_trunc", "floor", "greatest", "in", "least", "left", "length", "lower", "lpad", "ltrim", "nullif",
	"replace", "right", "round", "rpad", "rtrim", "split_part", "substr", "translate", "trim", "upper",
}

// keywords may stand before a parenthesis and are no functions.
var keywords = []string{"in", "values", "and", "or", "not", "where", "set"}

// forbidden words would reach beyond the one table, or beyond the transaction.
var forbidden = []string{
	"select", "with", "returning", "from", "using", "join", "union", "table", "copy", "do", "call", "execute", "current_user", "session_user",
	"now", "current_date", "current_time", "current_timestamp", "localtime", "localtimestamp", "only", "conflict", "as", "default", "cursor",
}

// parseStatement checks that the statement is one UPDATE or DELETE with a condition, or one INSERT with values, on the
// declared table and on nothing else, and takes it apart.
func parseStatement(statement, table string) (parts, error) {
	tokens, err := scan(statement)
	if err != nil {
		return parts{}, err
	}
	p := parts{}
	rest := tokens
	switch {
	case take(&rest, "update"):
		p.action = "UPDATE"
	case take(&rest, "delete", "from"):
		p.action = "DELETE"
	case take(&rest, "insert", "into"):
		p.action = "INSERT"
	default:
		return p, errors.New("it must begin with UPDATE, DELETE FROM or INSERT INTO")
	}
	schema, name, _ := strings.Cut(table, ".")
	if !take(&rest, schema, ".", name) {
		return p, fmt.Errorf("%s must be followed by the declared table, written as %s", p.action, table)
	}
	if err := checkTokens(rest); err != nil {
		return p, err
	}
	switch p.action {
	case "UPDATE":
		if !take(&rest, "set") {
			return p, errors.New("UPDATE and its table must be followed by SET")
		}
		at := topLevel(rest, "where")
		if at <= 0 || at == len(rest)-1 {
			return p, errors.New("it has no WHERE, so it would change every row: give a condition")
		}
		p.assign, p.where = rest[:at], rest[at+1:]
		p.sets, err = assigned(p.assign)
		return p, err
	case "DELETE":
		if !take(&rest, "where") || len(rest) == 0 {
			return p, errors.New("it has no WHERE, so it would delete every row: give a condition")
		}
		p.where = rest
		return p, nil
	}
	p.values = rest
	p.columns, err = inserted(rest)
	return p, err
}

func take(rest *[]token, words ...string) bool {
	if len(*rest) < len(words) {
		return false
	}
	for i, w := range words {
		if t := (*rest)[i]; t.text != w || t.kind != "word" && t.kind != "sign" {
			return false
		}
	}
	*rest = (*rest)[len(words):]
	return true
}

// topLevel finds a word outside of parentheses; -1 when there is none.
func topLevel(tokens []token, word string) int {
	depth := 0
	for i, t := range tokens {
		switch {
		case t.kind == "sign" && t.text == "(":
			depth++
		case t.kind == "sign" && t.text == ")":
			depth--
		case depth == 0 && t.kind == "word" && t.text == word:
			return i
		}
	}
	return -1
}

func checkTokens(tokens []token) error {
	depth := 0
	for i, t := range tokens {
		next := token{}
		if i+1 < len(tokens) {
			next = tokens[i+1]
		}
		switch {
		case t.kind == "sign" && t.text == "(":
			depth++
		case t.kind == "sign" && t.text == ")":
			if depth--; depth < 0 {
				return errors.New("a parenthesis is closed that was never opened")
			}
		case t.kind == "word" && slices.Contains(forbidden, t.text):
			return fmt.Errorf("%s is not allowed: a repair works on its own table with its parameters, and gives the same at the preview and at the execution", strings.ToUpper(t.text))
		// After the table of an INSERT the list of columns begins, with no word before it.
		case t.kind == "word" && next.text == "(" && next.kind == "sign" && !slices.Contains(functions, t.text) && !slices.Contains(keywords, t.text):
			return fmt.Errorf("the function %s is not allowed; these are: %s", t.text, strings.Join(functions, ", "))
		}
	}
	if depth != 0 {
		return errors.New("a parenthesis is never closed")
	}
	return nil
}

// assigned lists the columns that are set: the word before each "=" that begins an assignment.
func assigned(tokens []token) ([]string, error) {
	var columns []string
	depth, begins := 0, true
	for i, t := range tokens {
		if begins {
			if t.kind != "word" || i+1 >= len(tokens) || tokens[i+1].text != "=" {
				return nil, errors.New("SET must be a list of column = value")
			}
			columns = append(columns, t.text)
			begins = false
		}
		if t.kind == "sign" {
			switch t.text {
			case "(":
				depth++
			case ")":
				depth--
			case ",":
				begins = depth == 0
			}
		}
	}
	if begins {
		return nil, errors.New("SET must be a list of column = value")
	}
	return columns, nil
}

// inserted lists the columns of "(a, b) VALUES (…)".
func inserted(tokens []token) ([]string, error) {
	const want = "INSERT must be of the form INTO table (columns) VALUES (values)"
	if len(tokens) == 0 || tokens[0].text != "(" {
		return nil, errors.New(want)
	}
	var columns []string
	for i := 1; i < len(tokens); i++ {
		switch t := tokens[i]; {
		case t.kind == "word":
			columns = append(columns, t.text)
		case t.text == ")":
			if i+1 >= len(tokens) || tokens[i+1].text != "values" {
				return nil, errors.New(want)
			}
			return columns, nil
		case t.text != ",":
			return nil, errors.New(want)
		}
	}
	return nil, errors.New(want)
}

// parameters lists the names in the order of their first use.
func (p parts) parameters() []string {
	var names []string
	for _, tokens := range [][]token{p.assign, p.where, p.values} {
		for _, t := range tokens {
			if t.kind == "parameter" && !slices.Contains(names, t.text) {
				names = append(names, t.text)
			}
		}
	}
	return names
}

// signs that expressions may hold. There is no ; and no comment.
const signs = "(),.=<>+-*/%|"

// scan cuts a statement into tokens.
func scan(statement string) ([]token, error) {
	var tokens []token
	r := []rune(statement)
	for i := 0; i < len(r); {
		c := r[i]
		switch {
		case unicode.IsSpace(c):
			i++
		case c == '\'':
			end := i + 1
			for end < len(r) && (r[end] != '\'' || end+1 < len(r) && r[end+1] == '\'') {
				if r[end] == '\'' {
					end++
				}
				end++
			}
			if end >= len(r) {
				return nil, errors.New("a quoted text is never closed")
			}
			tokens = append(tokens, token{"text", string(r[i : end+1])})
			i = end + 1
		case c == ':' && i+1 < len(r) && isLetter(r[i+1]):
			end := wordEnd(r, i+1)
			tokens = append(tokens, token{"parameter", string(r[i+1 : end])})
			i = end
		case isLetter(c):
			end := wordEnd(r, i)
			if end < len(r) && r[end] == '\'' {
				return nil, fmt.Errorf("%s' begins a special literal: write a plain one", string(r[i:end]))
			}
			tokens = append(tokens, token{"word", strings.ToLower(string(r[i:end]))})
			i = end
		case c >= '0' && c <= '9':
			end := i
			for end < len(r) && (r[end] >= '0' && r[end] <= '9' || r[end] == '.') {
				end++
			}
			tokens = append(tokens, token{"number", string(r[i:end])})
			i = end
		case i+1 < len(r) && (c == '-' && r[i+1] == '-' || c == '/' && r[i+1] == '*'):
			return nil, errors.New("it holds a comment: write it into the description")
		case strings.ContainsRune(signs, c):
			tokens = append(tokens, token{"sign", string(c)})
			i++
		default:
			return nil, fmt.Errorf("the character %q is not allowed: a template is one plain statement", c)
		}
	}
	return tokens, nil
}

func isLetter(c rune) bool { return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

func wordEnd(r []rune, i int) int {
	for i < len(r) && (isLetter(r[i]) || r[i] >= '0' && r[i] <= '9') {
		i++
	}
	return i
}
