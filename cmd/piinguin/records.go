package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/piinguin/piinguin/cmd/internal/cli"
	"github.com/piinguin/piinguin/cmd/internal/settings"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

// maxInput bounds what is read from standard input. It is above the server's limit for an original
// value, so that the server refuses a long value; cutting it here would store a wrong one.
const maxInput = 64 << 10

func createCommand() *cobra.Command {
	var server settings.Client
	var asJSON bool
	var source piinguinv1.Source
	var req piinguinv1.CreatePiiRecordRequest
	var observedAt string
	cmd := &cobra.Command{
		Use:   "create MODIFIED_VALUE [ORIGINAL_VALUE]",
		Short: "Store a value",
		Long: `Store the original value behind a modified value. Without ORIGINAL_VALUE the command
reads it from standard input. Prefer that: an argument shows in the process list and
in the shell's history. One line end at the end (LF or CR LF) and a byte order mark at
the start are not part of the value; other spaces and line ends are.`,
		Example: `  printf %s alex@acme.com | piinguin create 7d8a4beae5bc9d31`,
		Args:    cli.Args("MODIFIED_VALUE", "[ORIGINAL_VALUE]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			record := &piinguinv1.PiiRecord{ModifiedValue: args[0]}
			if !proto.Equal(&source, &piinguinv1.Source{}) {
				record.Source = &source
			}
			var err error
			if record.OriginalValue, err = original(args[1:], cli.Interruptible(cmd.Context(), cmd.InOrStdin())); err != nil {
				return err
			}
			if !utf8.ValidString(record.OriginalValue) || !utf8.ValidString(record.ModifiedValue) {
				return errors.New("a value must be text in UTF-8; encode bytes that are none, in base64 for example")
			}
			if observedAt != "" {
				at, err := parseTime(observedAt)
				if err != nil {
					return fmt.Errorf("--observed-at %w", err)
				}
				record.ObservedAt = timestamppb.New(at)
			}
			c, err := server.Open(cmd.Context())
			if err != nil {
				return err
			}
			req.PiiRecord = record
			out, err := c.CreatePiiRecord(cmd.Context(), &req)
			if err != nil {
				return rpcFailure(err)
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), out)
			}
			became := "stored"
			switch {
			case out.GetSuperseded():
				became = "superseded: the server has a newer value, or erased it since"
			case out.GetReplaced():
				became = "replaced"
			}
			return table(cmd.OutOrStdout(), [][]string{{"modified_value", args[0]}, {"result", became}, receiptRow(out.GetReceipt())})
		},
	}
	server.AddTo(cmd.Flags())
	addJSON(cmd, &asJSON)
	cmd.Flags().StringVar(&observedAt, "observed-at", "", "`time` when the value was seen at its source (RFC 3339); default now")
	cmd.Flags().StringVar(&source.FieldName, "field-name", "", "`field` of the event that held the value")
	cmd.Flags().StringVar(&req.Reference, "reference", "", "ticket or job number; the ledger keeps it")
	return cmd
}

// original returns the value of the argument, or else of the input, without the mark that some programs
// put at the start of UTF-8 and without the last line end.
func original(args []string, in io.Reader) (string, error) {
	if len(args) == 1 {
		return args[0], nil
	}
	raw, err := io.ReadAll(io.LimitReader(in, maxInput))
	if err != nil {
		return "", fmt.Errorf("read the original value: %w", err)
	}
	value := strings.TrimPrefix(string(raw), "\ufeff")
	if line, ended := strings.CutSuffix(value, "\n"); ended {
		return strings.TrimSuffix(line, "\r"), nil
	}
	return value, nil
}

func readCommand() *cobra.Command {
	var server settings.Client
	var asJSON bool
	var basis, condition string
	var req piinguinv1.ReadPiiRecordRequest
	cmd := &cobra.Command{
		Use:   "read MODIFIED_VALUE --basis BASIS",
		Short: "Read a value; the ledger records it",
		Long: `Read a value, and the receipt of the audit entry that records it. Characters that could
act on a terminal or are not visible are shown as \u{1b}; --json has the exact value.`,
		Example: `  piinguin read 7d8a4beae5bc9d31 --basis CONTRACT --purpose "send the invoice" --reference INV-2026-1`,
		Args:    cli.Args("MODIFIED_VALUE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			req.ModifiedValue = args[0]
			value, err := enum("basis", basis, piinguinv1.LawfulBasisForProcessing_value)
			if err != nil {
				return err
			}
			req.ProcessingBasis = piinguinv1.LawfulBasisForProcessing(value)
			if value, err = enum("special-category-condition", condition, piinguinv1.SpecialCategoryCondition_value); err != nil {
				return err
			}
			req.SpecialCategoryCondition = piinguinv1.SpecialCategoryCondition(value)
			c, err := server.Open(cmd.Context())
			if err != nil {
				return err
			}
			out, err := c.ReadPiiRecord(cmd.Context(), &req)
			if err != nil {
				return rpcFailure(err)
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), out)
			}
			r := out.GetPiiRecord()
			rows := [][]string{{"modified_value", r.GetModifiedValue()}, {"original_value", r.GetOriginalValue()}}
			if r.GetObservedAt() != nil {
				rows = append(rows, []string{"observed_at", formatTime(r.GetObservedAt().AsTime())})
			}
			if name := r.GetSource().GetFieldName(); name != "" {
				rows = append(rows, []string{"field_name", name})
			}
			return table(cmd.OutOrStdout(), append(rows, receiptRow(out.GetReceipt())))
		},
	}
	server.AddTo(cmd.Flags())
	addJSON(cmd, &asJSON)
	cmd.Flags().StringVar(&basis, "basis", "", "lawful `basis` (GDPR Art. 6(1)), required: CONSENT, CONTRACT, LEGAL_OBLIGATION,\nVITAL_INTERESTS, PUBLIC_TASK or LEGITIMATE_INTERESTS")
	cmd.Flags().StringVar(&req.Purpose, "purpose", "", "what the value is needed for")
	cmd.Flags().StringVar(&req.Reference, "reference", "", "ticket or case number")
	cmd.Flags().StringVar(&req.OnBehalfOf, "on-behalf-of", "", "person or team that you act for")
	cmd.Flags().StringVar(&condition, "special-category-condition", "", "`condition` of GDPR Art. 9(2) for a value of a special category, such as\nART9_EXPLICIT_CONSENT")
	return cmd
}

func deleteCommand() *cobra.Command {
	var server settings.Client
	var asJSON bool
	var req piinguinv1.DeletePiiRecordRequest
	cmd := &cobra.Command{
		Use:     "delete MODIFIED_VALUE",
		Short:   "Erase a value; a tombstone keeps it erased",
		Example: `  piinguin delete 7d8a4beae5bc9d31 --purpose "the customer asked for it" --reference REQUEST-2026-17`,
		Args:    cli.Args("MODIFIED_VALUE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := server.Open(cmd.Context())
			if err != nil {
				return err
			}
			req.ModifiedValue = args[0]
			out, err := c.DeletePiiRecord(cmd.Context(), &req)
			if err != nil {
				return rpcFailure(err)
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), out)
			}
			became := "erased"
			if !out.GetErased() {
				became = "there was no value; a tombstone is there now"
			}
			return table(cmd.OutOrStdout(), [][]string{{"modified_value", args[0]}, {"result", became}, receiptRow(out.GetReceipt())})
		},
	}
	server.AddTo(cmd.Flags())
	addJSON(cmd, &asJSON)
	cmd.Flags().StringVar(&req.Purpose, "purpose", "", "why the value is erased")
	cmd.Flags().StringVar(&req.Reference, "reference", "", "ticket or case number, such as that of a data subject's request")
	cmd.Flags().StringVar(&req.OnBehalfOf, "on-behalf-of", "", "person or team that you act for")
	return cmd
}

// receiptRow names the audit entry, which is what a reviewer asks for.
func receiptRow(r *piinguinv1.AuditReceipt) []string {
	return []string{"audit_entry", fmt.Sprintf("%s/%d at %s", r.GetLog(), r.GetIndex(), formatTime(r.GetTime().AsTime()))}
}
