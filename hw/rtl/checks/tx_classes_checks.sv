// What should be seen at the pacing classes, bound to them.
module tx_classes_checks (
  input logic        clk_i,
  input logic        rst_ni,
  input logic        insert_i,
  input logic        link_q,
  input logic        append,
  input logic        go,
  input logic        three_q,
  input logic        single,
  input logic        empties,
  input logic        head_write,
  input logic        any,
  input logic        after_any,
  input logic        choose,
  input logic        linked_q,
  input logic        linked_behind_q,
  input logic [5:0]  linked_class_q,
  input logic [5:0]  link_class_q,
  input logic [5:0]  three_class_q,
  input logic [63:0] tat_q,
  input logic [63:0] now_three_q,
  input logic        settled,
  input logic        event_now,
  input logic        look,
  input logic        choice_q,
  input logic        write,
  input farrier_pkg::tx_access_t access_i,
  input logic        due_o,
  input logic        due_ready_i,
  input logic [farrier_regs_pkg::Classes-1:0] waiting_q
);

  cover property (@(posedge clk_i) rst_ni && insert_i);
  cover property (@(posedge clk_i) rst_ni && link_q && append);
  cover property (@(posedge clk_i) rst_ni && link_q && !append);
  cover property (@(posedge clk_i) rst_ni && go && tat_q <= now_three_q);       // its bucket is full
  cover property (@(posedge clk_i) rst_ni && go && tat_q > now_three_q);        // in its burst
  cover property (@(posedge clk_i) rst_ni && three_q && !go);                   // waits
  cover property (@(posedge clk_i) rst_ni && go && empties);
  cover property (@(posedge clk_i) rst_ni && go && !single);
  cover property (@(posedge clk_i) rst_ni && go && single && !empties);         // one comes as the last goes
  cover property (@(posedge clk_i) rst_ni && head_write && linked_q && linked_behind_q &&
                                   linked_class_q == three_class_q);
  cover property (@(posedge clk_i) rst_ni && link_q && three_q && link_class_q == three_class_q && !go);
  cover property (@(posedge clk_i) rst_ni && choose && after_any);
  cover property (@(posedge clk_i) rst_ni && choose && !after_any);             // round the end
  cover property (@(posedge clk_i) rst_ni && any && !choose && !access_i.valid);  // none fits
  cover property (@(posedge clk_i) rst_ni && access_i.valid && !access_i.write && choice_q);
  cover property (@(posedge clk_i) rst_ni && look);
  cover property (@(posedge clk_i) rst_ni && write && access_i.word == 2'd0 && access_i.data == '0);
  cover property (@(posedge clk_i) rst_ni && write && access_i.word == 2'd0 && access_i.data != '0);
  cover property (@(posedge clk_i) rst_ni && write && access_i.word == 2'd0 &&
                                   waiting_q[access_i.row[5:0]]);               // changed under packets
  cover property (@(posedge clk_i) rst_ni && settled && waiting_q != '0);
  cover property (@(posedge clk_i) rst_ni && settled && event_now);
  cover property (@(posedge clk_i) rst_ni && due_o && !due_ready_i);
  cover property (@(posedge clk_i) rst_ni && $countones(waiting_q) > 3);

  logic unused;
  assign unused = ^access_i;

endmodule

bind tx_classes tx_classes_checks u_checks (.*);
