// Included into OpenNIC's box_250mhz: the box's registers, one window for the plugin.
wire        axil_farrier_awvalid;
wire [31:0] axil_farrier_awaddr;
wire        axil_farrier_awready;
wire        axil_farrier_wvalid;
wire [31:0] axil_farrier_wdata;
wire        axil_farrier_wready;
wire        axil_farrier_bvalid;
wire  [1:0] axil_farrier_bresp;
wire        axil_farrier_bready;
wire        axil_farrier_arvalid;
wire [31:0] axil_farrier_araddr;
wire        axil_farrier_arready;
wire        axil_farrier_rvalid;
wire [31:0] axil_farrier_rdata;
wire  [1:0] axil_farrier_rresp;
wire        axil_farrier_rready;

box_250mhz_address_map address_map_inst (
  .s_axil_awvalid(s_axil_awvalid),
  .s_axil_awaddr (s_axil_awaddr),
  .s_axil_awready(s_axil_awready),
  .s_axil_wvalid (s_axil_wvalid),
  .s_axil_wdata  (s_axil_wdata),
  .s_axil_wready (s_axil_wready),
  .s_axil_bvalid (s_axil_bvalid),
  .s_axil_bresp  (s_axil_bresp),
  .s_axil_bready (s_axil_bready),
  .s_axil_arvalid(s_axil_arvalid),
  .s_axil_araddr (s_axil_araddr),
  .s_axil_arready(s_axil_arready),
  .s_axil_rvalid (s_axil_rvalid),
  .s_axil_rdata  (s_axil_rdata),
  .s_axil_rresp  (s_axil_rresp),
  .s_axil_rready (s_axil_rready),
  .m_axil_awvalid(axil_farrier_awvalid),
  .m_axil_awaddr (axil_farrier_awaddr),
  .m_axil_awready(axil_farrier_awready),
  .m_axil_wvalid (axil_farrier_wvalid),
  .m_axil_wdata  (axil_farrier_wdata),
  .m_axil_wready (axil_farrier_wready),
  .m_axil_bvalid (axil_farrier_bvalid),
  .m_axil_bresp  (axil_farrier_bresp),
  .m_axil_bready (axil_farrier_bready),
  .m_axil_arvalid(axil_farrier_arvalid),
  .m_axil_araddr (axil_farrier_araddr),
  .m_axil_arready(axil_farrier_arready),
  .m_axil_rvalid (axil_farrier_rvalid),
  .m_axil_rdata  (axil_farrier_rdata),
  .m_axil_rresp  (axil_farrier_rresp),
  .m_axil_rready (axil_farrier_rready)
);
