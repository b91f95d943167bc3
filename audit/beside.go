package audit

// besideAhead is how many pages may wait for a goroutine that takes them: as many as a run of the
// lowest tier has, if they are as large as a busy server makes them.
const besideAhead = 32

// beside has pages taken by a goroutine of its own, in their order.
type beside struct {
	each  func(Page) error
	pages chan Page     // nil while there is no goroutine
	done  chan struct{} // closed when it has ended
	err   error         // with which it ended
}

// add hands a page over. The error is that of a page before.
func (b *beside) add(p Page) error {
	if b.pages == nil {
		b.pages, b.done, b.err = make(chan Page, besideAhead), make(chan struct{}), nil
		go b.run(b.pages)
	}
	select {
	case b.pages <- p:
		return nil
	case <-b.done:
		return b.err
	}
}

func (b *beside) run(pages <-chan Page) {
	defer close(b.done)
	for p := range pages {
		if b.err = b.each(p); b.err != nil {
			return
		}
	}
}

// wait returns when all pages are taken, or one could not be.
func (b *beside) wait() error {
	if b.pages == nil {
		return nil
	}
	close(b.pages)
	<-b.done
	b.pages = nil
	return b.err
}
