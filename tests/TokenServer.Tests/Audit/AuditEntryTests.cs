using System.Text;
using AuthIndex.TokenServer.Audit;
using FsCheck;
using FsCheck.Fluent;

namespace AuthIndex.TokenServer.Tests.Audit;

public sealed class AuditEntryTests
{
    private const string SampleLine =
        """{"time":"2027-01-31T10:00:00.123Z","decision":"AM63PJQ2","outcome":"partly","account":"alice","signedInBy":"htpasswd","groups":["platform","ldap:dev"],"address":"192.0.2.9","service":"registry","asked":["repository:team/app:pull,push"],"granted":["repository:team/app:pull"],"refused":[{"scope":"repository:team/app:push","reason":"rule 'freeze' denies push","rules":["freeze (policy.yaml:12)"]}],"allowedBy":["team (policy.yaml:7)"],"policy":"69d9728c82cc","reason":null}""";

    private static readonly Gen<string> Text = Gen.Elements(
        "", "alice", "robot:ci", "\"", "\\", "\n", "\u001b[31m", "ä€😀", "null", "{}", new string('x', 2000));

    private static readonly Gen<string?> Maybe = Gen.Frequency((1, Gen.Constant<string?>(null)), (2, Text.Select(t => (string?)t)));

    private static readonly Gen<IReadOnlyList<string>> Texts = Text.ListOf().Select(texts => (IReadOnlyList<string>)[.. texts.Take(4)]);

    private static readonly Gen<AuditRefusal> Refusals = from scope in Text from reason in Text from rules in Texts
        select new AuditRefusal(scope, reason, rules);

    private static readonly Gen<AuditEntry> Entries =
        from ticks in Gen.Choose(0, int.MaxValue)
        from hours in Gen.Choose(-14, 14)
        from outcome in Gen.Elements(Enum.GetValues<AuditOutcome>())
        from texts in Text.ArrayOf(2)
        from maybe in Maybe.ArrayOf(6)
        from lists in Texts.ArrayOf(4)
        from refused in Refusals.ListOf()
        select new AuditEntry(
            new DateTimeOffset(2027, 1, 31, 0, 0, 0, TimeSpan.FromHours(hours)).AddTicks((long)ticks * 1009), texts[0], outcome, texts[1],
            maybe[0], lists[0], maybe[1],
            maybe[2], lists[1], lists[2], [.. refused.Take(3)], lists[3], maybe[3], maybe[4]) { Grant = maybe[5], GrantName = maybe[5] };

    [Fact]
    public void An_entry_has_the_documented_form()
    {
        Assert.Equal(SampleLine, AuditText.Sample.Line());
        Assert.Equivalent(AuditText.Sample, AuditText.Read(SampleLine), strict: true);
    }

    [Fact]
    public void An_entry_written_and_read_is_the_entry() => Check.One(
        Config.QuickThrowOnFailure.WithMaxTest(500),
        Prop.ForAll(Entries.ToArbitrary(), entry =>
        {
            var line = entry.Line();
            var read = AuditText.Read(line);
            Assert.Equivalent(entry, read, strict: true);
            return read.Line() == line && !line.Contains('\n');
        }));

    [Fact]
    public void The_keys_of_a_later_version_are_read_past() =>
        Assert.Equivalent(
            AuditText.Sample,
            AuditText.Read(SampleLine.Replace("\"reason\":null", "\"reason\":null,\"later\":[{}]", StringComparison.Ordinal)),
            strict: true);

    [Theory]
    [InlineData("\"account\":\"alice\",", "", "it has no 'account'")]
    [InlineData("\"alice\"", "7", "its 'account' is not text")]
    [InlineData("\"alice\"", "\"\\ud800\"", "it contains a text that is not Unicode")]
    [InlineData("\"partly\"", "\"perhaps\"", "its 'outcome' is unknown")]
    [InlineData("10:00:00.123Z", "10 o'clock", "its 'time' is not a time")]
    [InlineData("[\"platform\",", "[1,", "its 'groups' contains values that are not text")]
    [InlineData("\"groups\":[\"platform\",\"ldap:dev\"]", "\"groups\":null", "its 'groups' is not a list")]
    [InlineData("\"refused\":[", "\"refused\":[7,", "its 'refused' contains values that are not objects")]
    [InlineData("\"rules\":", "\"rulez\":", "it has no 'rules'")]
    [InlineData(",\"reason\":null", "", "it has no 'reason'")]
    public void What_is_no_entry_is_said_with_the_key_at_fault(string text, string instead, string problem) =>
        Assert.Equal(problem, AuditEntry.Parse(Encoding.UTF8.GetBytes(SampleLine.Replace(text, instead, StringComparison.Ordinal)), out _));

    [Theory]
    [InlineData("[]", "it is not a JSON object")]
    [InlineData("\"text\"", "it is not a JSON object")]
    public void What_is_no_object_is_no_entry(string line, string problem) =>
        Assert.Equal(problem, AuditEntry.Parse(Encoding.UTF8.GetBytes(line), out _));

    [Fact]
    public void No_line_cut_short_is_an_entry() =>
        Assert.All(
            Enumerable.Range(0, SampleLine.Length),
            length => Assert.NotNull(AuditEntry.Parse(Encoding.UTF8.GetBytes(SampleLine[..length]), out _)));
}
