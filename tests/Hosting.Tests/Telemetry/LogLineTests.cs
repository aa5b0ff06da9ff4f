using System.Text.Json;
using AuthIndex.Hosting.Telemetry;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Console;

namespace AuthIndex.Hosting.Tests.Telemetry;

public sealed class LogLineTests
{
    [Fact]
    public void A_line_for_people_names_its_request_and_stays_one_line()
    {
        RequestRecord.Current = new RequestRecord("req-1");
        var line = Write(new ConsoleLogLine(TimeProvider.System), new InvalidOperationException("first\nsecond"));
        Assert.Matches(
            @"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z warn: Some\.Category \[req-1\] it broke System\.InvalidOperationException: first second\n$", line);
    }

    [Fact]
    public void A_line_outside_any_request_names_none()
    {
        RequestRecord.Current = null;
        Assert.EndsWith("Z warn: Some.Category it broke\n", Write(new ConsoleLogLine(TimeProvider.System), null), StringComparison.Ordinal);
    }

    [Fact]
    public void A_line_for_programs_is_one_object_with_the_request_and_every_value()
    {
        RequestRecord.Current = new RequestRecord("req-2");
        var line = Write(new JsonLogLine(TimeProvider.System), new InvalidOperationException("first\nsecond"));
        Assert.Equal(line.Length - 1, line.IndexOf('\n', StringComparison.Ordinal));
        using var json = JsonDocument.Parse(line);
        Assert.Equal("req-2", json.RootElement.GetProperty("RequestId").GetString());
        Assert.Equal(
            (1234, "SomethingBroke"),
            (json.RootElement.GetProperty("EventId").GetInt32(), json.RootElement.GetProperty("EventName").GetString()));
        Assert.Equal("Warning", json.RootElement.GetProperty("LogLevel").GetString());
        Assert.Equal("it broke", json.RootElement.GetProperty("Message").GetString());
        Assert.Equal(7, json.RootElement.GetProperty("State").GetProperty("Times").GetInt32());
        Assert.StartsWith(
            "System.InvalidOperationException: first\nsecond", json.RootElement.GetProperty("Exception").GetString(),
            StringComparison.Ordinal);
    }

    private static string Write(ConsoleFormatter form, Exception? exception)
    {
        using var text = new StringWriter();
        IReadOnlyList<KeyValuePair<string, object?>> state = [new("Times", 7)];
        form.Write(
            new LogEntry<IReadOnlyList<KeyValuePair<string, object?>>>(
                LogLevel.Warning, "Some.Category", new EventId(1234, "SomethingBroke"), state, exception, (_, _) => "it broke"), null,
                text);
        return text.ToString();
    }
}
