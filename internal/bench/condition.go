package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// asked is what an expression is evaluated against: an item, and what the request gives for
// #name and :value.
type asked struct {
	item   item
	names  map[string]string
	values map[string]value
}

// condition is a compiled ConditionExpression or KeyConditionExpression. equal and least have
// the operands that attributes must be, or not be below, by the attribute's name in the
// expression: a query finds its partition, and where to begin in it, without looking at all items.
type condition struct {
	holds        func(asked) bool
	equal, least map[string]string
}

var compiled sync.Map // of *condition by text: a server has few expressions

// conditionOf compiles an expression of DynamoDB's language, without NOT, IN and functions other
// than attribute_exists and attribute_not_exists.
func conditionOf(text string) (*condition, error) {
	if c, there := compiled.Load(text); there {
		return c.(*condition), nil //nolint:errcheck,forcetypeassert // nothing else is stored
	}
	p := &parser{tokens: token.FindAllString(text, -1), equal: map[string]string{}, least: map[string]string{}}
	holds := p.or()
	if p.wrong || len(p.tokens) > 0 {
		return nil, fmt.Errorf("the expression %q is not understood", text)
	}
	c := &condition{holds, p.equal, p.least}
	compiled.Store(text, c)
	return c, nil
}

var token = regexp.MustCompile(`[()]|<>|<=|>=|=|<|>|[:#]?[A-Za-z_]\w*|\S`)

// parser reads an expression from its first token on.
type parser struct {
	tokens       []string
	wrong        bool
	equal, least map[string]string
}

func (p *parser) next() string {
	if len(p.tokens) == 0 {
		p.wrong = true
		return ""
	}
	first := p.tokens[0]
	p.tokens = p.tokens[1:]
	return first
}

// took takes the next token if it is this one.
func (p *parser) took(want string) bool {
	if len(p.tokens) == 0 || !strings.EqualFold(p.tokens[0], want) {
		return false
	}
	p.tokens = p.tokens[1:]
	return true
}

func (p *parser) or() func(asked) bool {
	left := p.and()
	for p.took("OR") {
		l, r := left, p.and()
		left = func(a asked) bool { return l(a) || r(a) }
	}
	return left
}

func (p *parser) and() func(asked) bool {
	left := p.one()
	for p.took("AND") {
		l, r := left, p.one()
		left = func(a asked) bool { return l(a) && r(a) }
	}
	return left
}

func (p *parser) one() func(asked) bool {
	if p.took("(") {
		inner := p.or()
		p.wrong = p.wrong || !p.took(")")
		return inner
	}
	for function, want := range map[string]bool{"attribute_exists": true, "attribute_not_exists": false} {
		if p.took(function) {
			p.wrong = p.wrong || !p.took("(")
			name := p.next()
			p.wrong = p.wrong || !p.took(")")
			return func(a asked) bool { return (a.of(name) != nil) == want }
		}
	}
	return p.comparison()
}

func (p *parser) comparison() func(asked) bool {
	left, op := p.next(), strings.ToUpper(p.next())
	right := p.next()
	if op == "BETWEEN" {
		p.wrong = p.wrong || !p.took("AND")
		most := p.next()
		p.least[left] = right
		return func(a asked) bool { return a.compare(left, ">=", right) && a.compare(left, "<=", most) }
	}
	switch op {
	case "=":
		p.equal[left] = right
	case ">", ">=":
		p.least[left] = right
	}
	p.wrong = p.wrong || !strings.Contains(" = <> < <= > >= ", " "+op+" ")
	return func(a asked) bool { return a.compare(left, op, right) }
}

// of returns an operand; nil for an attribute that is not there.
func (a asked) of(operand string) value {
	switch {
	case strings.HasPrefix(operand, ":"):
		return a.values[operand]
	case strings.HasPrefix(operand, "#"):
		return a.item[a.names[operand]]
	}
	return a.item[operand]
}

// operand returns the operand that belongs to an attribute, if there is one.
func (a asked) operand(operands map[string]string, attribute string) (value, bool) {
	for name, operand := range operands {
		if name == attribute || a.names[name] == attribute {
			return a.of(operand), true
		}
	}
	return nil, false
}

func (a asked) compare(left, op, right string) bool {
	l, r := a.of(left), a.of(right)
	if l == nil || r == nil {
		return false
	}
	lKind, lText := l.content()
	rKind, rText := r.content()
	if lKind != rKind {
		return op == "<>"
	}
	order := strings.Compare(lText, rText)
	if lKind == "N" {
		order = compareNumbers(lText, rText)
	}
	switch op {
	case "=":
		return order == 0
	case "<>":
		return order != 0
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	}
	return order >= 0
}

func compareNumbers(left, right string) int {
	l, _ := strconv.ParseInt(left, 10, 64)
	r, _ := strconv.ParseInt(right, 10, 64)
	switch {
	case l < r:
		return -1
	case l > r:
		return 1
	}
	return 0
}
